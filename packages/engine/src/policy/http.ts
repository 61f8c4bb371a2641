// Holds requests against `policy.http` of the installation, the pipeline and the stage.
import { parseIp, RivetError, specialAddress } from '@rivet/base';
import {
  type HttpHost,
  type HttpRule,
  parseHttpRule,
  ruleDeniesAddress,
  ruleMatchesAddress,
  ruleMatchesName,
} from '@rivet/pipeline';
import { type PolicyLevel, smallest } from './policy-level.ts';

/**
 * What a request may reach. A request passes when every level lets it: none of its `deny` rules is
 * about the host or the address, and, where the level has `allow`, one of its rules is.
 */
export interface HttpPolicy {
  /**
   * Held against a host before its name is looked up.
   * @param request how messages name the request
   * @throws RIVET_HTTP_DENIED
   */
  checkHost(request: string, host: HttpHost): void;
  /**
   * Held against an address that the host leads to, before a connection and again on the open one.
   * Addresses that are not public need a rule by address in `allow` of the installation.
   * @throws RIVET_HTTP_DENIED, RIVET_HTTP_ADDRESS
   */
  checkAddress(request: string, host: HttpHost, address: string): void;
  /** Requests in a second of the whole job, and of the stage besides; undefined: no limit. */
  readonly jobRate: number | undefined;
  readonly stageRate: number | undefined;
}

interface Level {
  readonly owner: PolicyLevel['owner'];
  readonly allow: readonly HttpRule[] | undefined;
  readonly deny: readonly HttpRule[];
}

/** @param levels from the widest to the narrowest */
export function httpPolicy(levels: readonly PolicyLevel[]): HttpPolicy {
  const each = levels.map(
    ({ owner, rules }): Level => ({
      owner,
      allow: rules.http?.allow?.map(readRule),
      deny: (rules.http?.deny ?? []).map(readRule),
    }),
  );
  const beyondPublic = each.find(({ owner }) => owner === 'installation')?.allow ?? [];
  const rateOf = (stage: boolean): number | undefined =>
    smallest(
      levels.filter(({ owner }) => (owner === 'stage') === stage),
      (rules) => rules.http?.rate,
    )?.value;
  return {
    checkHost(request, host) {
      for (const level of each) checkName(level, request, host);
    },
    checkAddress(request, host, text) {
      const address = parseIp(text);
      const kind = address === undefined ? 'no address' : specialAddress(address);
      const listed = (rule: HttpRule): boolean =>
        address !== undefined && ruleMatchesAddress(rule, address, host.port);
      if (kind !== undefined && !beyondPublic.some(listed)) {
        const details = { request, host: showHost(host), address: text, kind };
        throw RivetError.of('RIVET_HTTP_ADDRESS', details);
      }
      for (const level of each) {
        const denied = level.deny.find(
          (rule) => address !== undefined && ruleDeniesAddress(rule, address, host.port),
        );
        if (denied !== undefined) throw refused(level, request, host, denies(denied), text);
        const { allow } = level;
        if (allow === undefined || allow.some((rule) => ruleMatchesName(rule, host))) continue;
        if (!allow.some(listed)) throw refused(level, request, host, allows(allow), text);
      }
    },
    jobRate: rateOf(false),
    stageRate: rateOf(true),
  };
}

function checkName(level: Level, request: string, host: HttpHost): void {
  const denied = level.deny.find((rule) => ruleMatchesName(rule, host));
  if (denied !== undefined) throw refused(level, request, host, denies(denied));
  const { allow } = level;
  if (allow === undefined || allow.some((rule) => ruleMatchesName(rule, host))) return;
  // Where an address may still let it in, its name has to be looked up first.
  const byAddress = allow.some(({ network, port }) => network !== undefined && fits(port, host));
  if (!byAddress) throw refused(level, request, host, allows(allow));
}

const fits = (port: number | undefined, host: HttpHost): boolean =>
  port === undefined || port === host.port;

function readRule(text: string): HttpRule {
  const rule = parseHttpRule(text);
  if (rule === undefined) throw new Error(`policy.http has the rule ${JSON.stringify(text)}`);
  return rule;
}

function refused(
  level: Level,
  request: string,
  host: HttpHost,
  rule: string,
  address?: string,
): RivetError {
  const what = address === undefined || address === host.name ? '' : ` at ${address}`;
  return RivetError.of('RIVET_HTTP_DENIED', {
    request,
    level: level.owner,
    what: `${showHost(host)}${what}`,
    rule,
  });
}

const denies = (rule: HttpRule): string => `http.deny has "${rule.text}"`;

const SHOWN_RULES_MAX = 10;

function allows(rules: readonly HttpRule[]): string {
  if (rules.length === 0) return 'http.allow is empty';
  const shown = rules.slice(0, SHOWN_RULES_MAX).map(({ text }) => `"${text}"`);
  const more = rules.length - shown.length;
  return `http.allow has ${shown.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

/** `api.example.com:443`, `[::1]:80`. */
export function showHost({ name, port }: HttpHost): string {
  return name.includes(':') ? `[${name}]:${port}` : `${name}:${port}`;
}
