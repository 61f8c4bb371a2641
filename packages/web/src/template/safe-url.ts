// Decides which addresses a page may link to.

/** What stands where an address was refused: leads nowhere and says so to whoever looks. */
const NOWHERE = 'about:invalid';

/**
 * `url` when it is http, https, or of this site (`/path`, `?query`, `#part`); else `about:invalid`.
 * Browsers drop tabs, line ends and leading controls of addresses before they read the scheme, and
 * take `\` for `/`: an address with any of those is refused.
 */
export function safeUrl(url: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0020\u007f-\u009f\\]/.test(url)) return NOWHERE;
  if (/^https?:\/\/[^/]/i.test(url)) return url;
  // Two slashes would lead to another host.
  return /^(\/(?!\/)|[?#]|$)/.test(url) ? url : NOWHERE;
}
