// The files that pages load, each at a path with a hash of its content, so that it can be kept.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { paletteCss } from './palette.ts';

export interface Asset {
  /** `/assets/rivet-0123456789ab.css` */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
}

const read = (url: string): string => readFileSync(fileURLToPath(url), 'utf8');

export const styleSheet = asset(
  'rivet',
  'css',
  'text/css; charset=utf-8',
  `${read(new URL('../../assets/rivet.css', import.meta.url).href)}\n${paletteCss()}\n`,
);

export const htmxScript = asset(
  'htmx',
  'js',
  'text/javascript; charset=utf-8',
  read(import.meta.resolve('htmx.org/dist/htmx.min.js')),
);

/** Every file there is, by its path. */
export const assets: ReadonlyMap<string, Asset> = new Map(
  [styleSheet, htmxScript].map((each) => [each.path, each]),
);

function asset(name: string, extension: string, contentType: string, body: string): Asset {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
  return { path: `/assets/${name}-${hash}.${extension}`, contentType, body };
}
