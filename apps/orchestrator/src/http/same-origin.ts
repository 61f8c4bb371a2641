// Tells requests that a page of ours sends from those that another site makes a browser send.
import { RivetError } from '@rivet/base';
import type { FastifyRequest } from 'fastify';

/** Methods that change nothing; a test walks the route table for it. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Holds a request that has its authority from a cookie: browsers attach it whoever asked them to.
 * What changes something must come from a page of this origin. What only reads may also be somebody
 * who follows a link here or types the address, and nothing else: no image, script or frame of
 * another site.
 * @throws RIVET_WEB_CROSS_SITE
 */
export function requireOwnPage(request: FastifyRequest): void {
  const { headers, method } = request;
  const site = single(headers['sec-fetch-site']);
  if (site === 'same-origin') return;
  if (SAFE_METHODS.has(method)) {
    if (site === 'none') return;
    const opened = headers['sec-fetch-mode'] === 'navigate';
    if (opened && headers['sec-fetch-dest'] === 'document') return;
    // Browsers before 2023, and programs: nothing is changed, and no other site can read it.
    if (site === undefined && headers.origin === undefined) return;
  }
  if (site !== undefined) throw crossSite(`sec-fetch-site is ${JSON.stringify(site)}`);
  requireOwnOrigin(request);
}

/**
 * Holds a request that needs no cookie and gives one, so that nobody is signed in as somebody else
 * without knowing: from a page of this origin, or from no page at all.
 * @throws RIVET_WEB_CROSS_SITE
 */
export function requireNoForeignPage(request: FastifyRequest): void {
  const { headers } = request;
  if (headers['sec-fetch-site'] === undefined && headers.origin === undefined) return;
  requireOwnPage(request);
}

/**
 * Holds the start of a sign-in for a command line: a program opens it, or somebody clicks on what
 * it has printed. A page of another site would have somebody signed in, unasked, for whatever
 * program listens on that machine.
 * @throws RIVET_OIDC_LURED
 */
export function requireNoOtherSite({ headers }: FastifyRequest): void {
  const site = single(headers['sec-fetch-site']) ?? 'none';
  if (site === 'none' || site === 'same-origin') return;
  throw RivetError.of('RIVET_OIDC_LURED', { found: JSON.stringify(site) });
}

/** For browsers that send no Sec-Fetch-Site: without TLS, and old ones. */
function requireOwnOrigin({ headers, protocol, host }: FastifyRequest): void {
  const { origin } = headers;
  if (origin === `${protocol}://${host}`) return;
  throw crossSite(
    origin === undefined ? 'it has no origin' : `origin is ${JSON.stringify(origin)}`,
  );
}

function single(header: string | string[] | undefined): string | undefined {
  // Twice the same header is joined by Node; either way it is not the one value that counts.
  return header === undefined ? undefined : String(header);
}

function crossSite(found: string): RivetError {
  return RivetError.of('RIVET_WEB_CROSS_SITE', { found });
}
