// Refuses requests that were meant for another host: pages of strangers, whose names were made to
// lead here (DNS rebinding), and what two programs could read differently.
import { isIP } from 'node:net';
import { RivetError } from '@rivet/base';
import type { FastifyRequest } from 'fastify';

export interface HostRules {
  readonly publicUrl: string | undefined;
  /** Lower case; `*.` in front stands for any name below. */
  readonly allowedHosts: readonly string[];
}

/** Headers that decide something; of two, a proxy may have looked at the other one. */
const ONCE = new Set(['host', 'authorization', 'content-type', 'origin', 'cookie']);

/** Passes requests under a name of this server. @throws RIVET_REQUEST_HOST, RIVET_REQUEST_HTTP */
export type HostCheck = (request: FastifyRequest) => void;

export function createHostCheck({ publicUrl, allowedHosts }: HostRules): HostCheck {
  const names = new Set(allowedHosts.filter((host) => !host.startsWith('*.')));
  const below = allowedHosts.filter((host) => host.startsWith('*.')).map((host) => host.slice(1));
  if (publicUrl !== undefined) names.add(new URL(publicUrl).hostname);
  return (request) => {
    refuseRepeated(request.raw.rawHeaders);
    const { host } = request.headers;
    // Only HTTP/1.0 may leave it away, which no browser speaks.
    if (host === undefined) return;
    const name = nameOf(host);
    const known =
      name !== undefined &&
      (isAddress(name) ||
        names.has(name) ||
        below.some((suffix) => name.endsWith(suffix)) ||
        (isLocalName(name) && isLoopback(request.raw.socket.localAddress)));
    if (!known) throw RivetError.of('RIVET_REQUEST_HOST', { found: JSON.stringify(host) });
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

function refuseRepeated(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? '';
    if (!ONCE.has(name)) continue;
    if (seen.has(name)) {
      throw RivetError.of('RIVET_REQUEST_HTTP', { problem: `the header ${name} comes twice` });
    }
    seen.add(name);
  }
}
