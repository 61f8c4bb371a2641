// How log lines and messages name a request: without what a URL may keep secret.
import { REDACTED } from '@rivet/base';

const SHOWN_LENGTH_MAX = 300;

/**
 * `GET https://api.example.com/v1/items?…`: the query is left out, as it often carries tokens.
 * @param secretUrl whether the URL itself is a secret: then nothing of it is shown
 */
export function showRequest(method: string, url: URL, secretUrl: boolean): string {
  return `${method} ${secretUrl ? REDACTED : showUrl(url)}`;
}

/** A URL without its query and fragment. */
export function showUrl(url: URL): string {
  const text = `${url.origin}${url.pathname}`;
  const shown = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
  return url.search === '' ? shown : `${shown}?…`;
}
