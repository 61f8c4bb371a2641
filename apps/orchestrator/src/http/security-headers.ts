// The headers with which browsers are told to treat answers carefully: on every answer there is.
import type { FastifyInstance } from 'fastify';

/** For what is no page: nothing of it may run, load, send or be shown inside of anything. */
export const API_CONTENT_POLICY =
  "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox";

/** For pages: what they need comes from this server as a file; nothing inline, nothing evaluated. */
export const PAGE_CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join('; ');

/** Devices and interfaces that no page of ours uses. */
const PERMISSIONS = [
  ...[
    'accelerometer',
    'camera',
    'display-capture',
    'geolocation',
    'gyroscope',
    'hid',
    'magnetometer',
  ],
  ...['microphone', 'midi', 'payment', 'publickey-credentials-get', 'screen-wake-lock', 'serial'],
  ...['usb', 'xr-spatial-tracking'],
]
  .map((feature) => `${feature}=()`)
  .join(', ');

/** Of every answer, also of those that are refused before there is a route. */
export const securityHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': API_CONTENT_POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': PERMISSIONS,
  // For browsers that do not read frame-ancestors.
  'x-frame-options': 'DENY',
  // Answers depend on who asks.
  'cache-control': 'no-store',
};

/** Two years, as browsers ask for; subdomains are not ours to decide about. */
const STRICT_TRANSPORT = 'max-age=63072000';

/** All of an answer, with or without TLS. */
export function answerHeaders(isSecure: boolean): Readonly<Record<string, string>> {
  if (!isSecure) return securityHeaders;
  return { ...securityHeaders, 'strict-transport-security': STRICT_TRANSPORT };
}

/** Puts the headers on every answer of `app`. A route may set its own values after that. */
export function addSecurityHeaders(app: FastifyInstance): void {
  // Not async, which every request would pay for.
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(answerHeaders(request.protocol === 'https'));
    done();
  });
}

/** The same as lines of an answer that is written by hand. */
export function securityHeaderLines(): string {
  return Object.entries(securityHeaders)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}
