// The rules of `policy.http`: host names with `*`, addresses and networks, with or without a port.
import {
  embeddedIpv4,
  type IpAddress,
  type IpNetwork,
  networkHas,
  parseIp,
  parseIpNetwork,
} from '@rivet/base';
import { matchesGlob } from './policy-rules.ts';

/** One rule: by name, held against the host of a URL, or by address, held against where it leads. */
export interface HttpRule {
  readonly text: string;
  /** Lower case, without the dot at its end. */
  readonly name: string | undefined;
  readonly network: IpNetwork | undefined;
  /** Undefined: every port. */
  readonly port: number | undefined;
}

/** The host of a URL as rules see it. */
export interface HttpHost {
  /** Lower case, without brackets and without the dot at its end. */
  readonly name: string;
  readonly port: number;
}

export const HTTP_RULE_EXPECTED =
  'a host such as "api.example.com", "*.example.com:8443", "10.0.0.0/8" or "[fd00::1]:80"';

const PORT_MAX = 65_535;
const LABELS =
  /^(?=.{1,253}$)[a-z0-9_*]([a-z0-9_*-]*[a-z0-9_*])?(\.[a-z0-9_*]([a-z0-9_*-]*[a-z0-9_*])?)*$/;
/** `10.*` looks like a network and would be a name. */
const DIGITS_AND_STARS = /^[\d.]*\d\.[\d.*]*$/;

/** The rule behind a text; undefined for what is none. */
export function parseHttpRule(text: string): HttpRule | undefined {
  const lower = text.toLowerCase();
  const whole = parseIpNetwork(lower);
  if (whole !== undefined) return { text, name: undefined, network: whole, port: undefined };
  const [, host = '', digits] = /^(.+?)(?::(\d{1,5}))?$/.exec(lower) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > PORT_MAX)) return undefined;
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  const network = parseIpNetwork(bracketed ?? host);
  if (network !== undefined) return { text, name: undefined, network, port };
  const name = host.replace(/\.$/, '');
  if (!LABELS.test(name) || DIGITS_AND_STARS.test(name)) return undefined;
  return { text, name, network: undefined, port };
}

/** The host of a URL as rules see it. */
export function httpHost(url: URL): HttpHost {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { name: url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, ''), port };
}

/** Whether a rule by name is about this host. An address in a URL has no name: only `*` matches. */
export function ruleMatchesName(rule: HttpRule, { name, port }: HttpHost): boolean {
  if (rule.name === undefined || (rule.port !== undefined && rule.port !== port)) return false;
  return parseIp(name) === undefined ? matchesGlob(rule.name, name) : rule.name === '*';
}

/** Whether a rule by address is about this address. */
export function ruleMatchesAddress(rule: HttpRule, address: IpAddress, port: number): boolean {
  if (rule.network === undefined || (rule.port !== undefined && rule.port !== port)) return false;
  return networkHas(rule.network, address);
}

/** Whether a rule that denies is about this address, or about the one that it leads to. */
export function ruleDeniesAddress(rule: HttpRule, address: IpAddress, port: number): boolean {
  const inner = embeddedIpv4(address);
  return (
    ruleMatchesAddress(rule, address, port) ||
    (inner !== undefined && ruleMatchesAddress(rule, inner, port))
  );
}

/** Whether a rule that denies is about everything that `inner`, a rule without `*`, is about. */
export function httpRuleDenies(outer: string, inner: string): boolean {
  const [wide, narrow] = [parseHttpRule(outer), parseHttpRule(inner)];
  if (wide === undefined || narrow === undefined) return false;
  if (wide.port !== undefined && wide.port !== narrow.port) return false;
  if (wide.network === undefined || narrow.network === undefined) {
    return wide.name !== undefined && matchesGlob(wide.name, narrow.name ?? '');
  }
  return isWithin(narrow.network, wide.network);
}

/**
 * Whether a rule that allows may be about something that `inner`, a rule without `*`, is about. What
 * a name leads to is not known before it is looked up.
 */
export function httpRuleAllows(outer: string, inner: string): boolean {
  const [wide, narrow] = [parseHttpRule(outer), parseHttpRule(inner)];
  if (wide === undefined || narrow === undefined) return false;
  if ((wide.port ?? narrow.port) !== (narrow.port ?? wide.port)) return false;
  if (wide.name !== undefined && narrow.name !== undefined) {
    return matchesGlob(wide.name, narrow.name);
  }
  if (wide.network === undefined || narrow.network === undefined) return true;
  return isWithin(narrow.network, wide.network) || isWithin(wide.network, narrow.network);
}

function isWithin(inner: IpNetwork, outer: IpNetwork): boolean {
  return outer.prefix <= inner.prefix && networkHas(outer, inner.address);
}
