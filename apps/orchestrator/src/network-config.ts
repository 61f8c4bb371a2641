// Where the orchestrator listens, and by whom it may be reached: the settings of the network.
import { BlockList, isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { choiceSetting, RivetError, type SettingsOf, textSetting } from '@rivet/base';
import type { CertificateFiles } from './http/certificate.ts';

export interface NetworkConfig {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** `https://rivet.example.com`; absent: the address that is listened on. */
  readonly publicUrl?: string | undefined;
  /** Absent: without TLS. */
  readonly certificate?: CertificateFiles | undefined;
  /** Addresses and networks whose X-Forwarded headers are believed. */
  readonly trustedProxies?: readonly string[];
  /** What a whole request may take to come, in milliseconds; a minute when absent. */
  readonly requestMsMax?: number;
  /** Names besides that of the public URL under which the server may be asked. */
  readonly allowedHosts?: readonly string[];
}

export const networkSettings = {
  RIVET_LISTEN: textSetting('127.0.0.1:7450'),
  RIVET_PUBLIC_URL: textSetting(''),
  RIVET_TLS_CERT: textSetting(''),
  RIVET_TLS_KEY: textSetting(''),
  RIVET_TRUSTED_PROXIES: textSetting(''),
  RIVET_ALLOWED_HOSTS: textSetting(''),
  RIVET_ALLOW_PLAINTEXT: choiceSetting('no', ['no', 'yes']),
};

/**
 * Checks the settings of the network against each other.
 * @throws RIVET_CONFIG_INVALID, RIVET_LISTEN_INVALID, RIVET_LISTEN_PLAINTEXT
 */
export function readNetwork(values: SettingsOf<typeof networkSettings>): NetworkConfig {
  const { host, port } = readListen(values.RIVET_LISTEN);
  const certificate = readCertificate(values.RIVET_TLS_CERT, values.RIVET_TLS_KEY);
  const trustedProxies = readProxies(values.RIVET_TRUSTED_PROXIES);
  const encrypted = certificate !== undefined || trustedProxies.length > 0;
  if (!encrypted && values.RIVET_ALLOW_PLAINTEXT === 'no' && !isLoopback(host)) {
    throw RivetError.of('RIVET_LISTEN_PLAINTEXT', { found: JSON.stringify(values.RIVET_LISTEN) });
  }
  return {
    host,
    port,
    publicUrl: readPublicUrl(values.RIVET_PUBLIC_URL),
    certificate,
    trustedProxies,
    allowedHosts: readHosts(values.RIVET_ALLOWED_HOSTS),
  };
}

function readListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw RivetError.of('RIVET_LISTEN_INVALID', { found: JSON.stringify(text) });
  }
  return { host, port };
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  return isIP(host) === 4 && host.startsWith('127.');
}

/** An origin, so that everybody who writes it writes the same; undefined when it is not set. */
function readPublicUrl(text: string): string | undefined {
  if (text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) {
    return url.origin;
  }
  const expected = 'scheme, host and port only, such as https://rivet.example.com';
  throw invalid('RIVET_PUBLIC_URL', text, expected);
}

function readCertificate(cert: string, key: string): CertificateFiles | undefined {
  if (cert === '' && key === '') return undefined;
  for (const [name, path] of [
    ['RIVET_TLS_CERT', cert],
    ['RIVET_TLS_KEY', key],
  ] as const) {
    const other = name === 'RIVET_TLS_CERT' ? 'RIVET_TLS_KEY' : 'RIVET_TLS_CERT';
    if (path === '') throw invalid(name, path, `an absolute path, as ${other} is set`);
    if (!isAbsolute(path)) throw invalid(name, path, 'an absolute path');
  }
  return { certFile: cert, keyFile: key };
}

function readProxies(text: string): string[] {
  const proxies = listOf(text);
  for (const proxy of proxies) {
    const [address = '', prefix, ...rest] = proxy.split('/');
    const expected = 'addresses and networks such as 10.0.0.5,10.1.0.0/16,fd00::/8';
    const bits = prefix === undefined ? undefined : Number(/^\d{1,3}$/.exec(prefix)?.[0]);
    if (isIP(address) === 0 || rest.length > 0 || Number.isNaN(bits)) {
      throw invalid('RIVET_TRUSTED_PROXIES', text, expected);
    }
    try {
      // It knows how long a prefix may be.
      new BlockList().addSubnet(address, bits ?? 0, isIP(address) === 6 ? 'ipv6' : 'ipv4');
    } catch {
      throw invalid('RIVET_TRUSTED_PROXIES', text, expected);
    }
    if (bits === 0) throw invalid('RIVET_TRUSTED_PROXIES', text, `${expected}; /0 is everybody`);
  }
  return proxies;
}

function readHosts(text: string): string[] {
  const hosts = listOf(text.toLowerCase());
  const wrong = hosts.find((host) => !/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host));
  if (wrong === undefined) return hosts;
  const expected = 'names without a port, such as rivet.internal,*.ci.example.com';
  throw invalid('RIVET_ALLOWED_HOSTS', text, expected);
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function invalid(key: string, found: string, expected: string): RivetError {
  return RivetError.of('RIVET_CONFIG_INVALID', { key, found: JSON.stringify(found), expected });
}
