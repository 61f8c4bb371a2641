// Refuses requests that were meant for another host: pages of strangers, whose names were made to
// lead here (DNS rebinding), and what two programs could read differently.
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { RivetError } from '@rivet/base';

export interface HostRules {
  readonly publicUrl: string | undefined;
  /** Lower case; `*.` in front stands for any name below. */
  readonly allowedHosts: readonly string[];
}

/** Headers that decide something; of two, a proxy may have looked at the other one. */
const ONCE = new Set(['host', 'authorization', 'content-type', 'origin', 'cookie']);

/**
 * What a request is refused with that does not come under a name of this server: RIVET_REQUEST_HOST
 * or RIVET_REQUEST_HTTP. Its connection should end then: whoever sends this may mean something else
 * by what comes after it, too.
 */
export type HostCheck = (request: IncomingMessage) => RivetError | undefined;

export function createHostCheck({ publicUrl, allowedHosts }: HostRules): HostCheck {
  const names = new Set(allowedHosts.filter((host) => !host.startsWith('*.')));
  const below = allowedHosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  if (publicUrl !== undefined) names.add(new URL(publicUrl).hostname);
  const isOurs = (host: string, localAddress: string | undefined): boolean => {
    const name = nameOf(host);
    return (
      name !== undefined &&
      (isAddress(name) ||
        names.has(name) ||
        below.some((suffix) => name.endsWith(suffix)) ||
        (isLocalName(name) && isLoopback(localAddress)))
    );
  };
  return ({ rawHeaders, headers: { host }, socket }) => {
    const repeated = repeatedHeader(rawHeaders);
    // Only HTTP/1.0 may leave the host away, which no browser speaks.
    const foreign = host !== undefined && !isOurs(host, socket.localAddress);
    if (foreign) return RivetError.of('RIVET_REQUEST_HOST', { found: JSON.stringify(host) });
    if (repeated === undefined) return undefined;
    return RivetError.of('RIVET_REQUEST_HTTP', { problem: `the header ${repeated} comes twice` });
  };
}

/** Lower case, without port; undefined when it is no host. */
function nameOf(host: string): string | undefined {
  const [, bracketed, plain] =
    /^(?:(\[[0-9a-f:.]+\])|([a-z0-9_.-]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase().replace(/\.$/, '');
}

/** Nobody can make an address lead anywhere else. */
function isAddress(name: string): boolean {
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost');
}

function isLoopback(address: string | undefined): boolean {
  return /^(?:::ffff:)?127\.|^::1$/.test(address ?? '');
}

function repeatedHeader(rawHeaders: readonly string[]): string | undefined {
  const seen: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!ONCE.has(name)) continue;
    if (seen.includes(name)) return name;
    seen.push(name);
  }
  return undefined;
}
