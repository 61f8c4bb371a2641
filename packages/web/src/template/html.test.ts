// What the template does with values, and where it refuses them.
import { hostileMarkup } from '@rivet/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html, trustedHtml } from './html.ts';
import { safeUrl } from './safe-url.ts';

describe('a value', () => {
  it('is escaped in text and in attributes', () => {
    const value = `<b title="x" class='y'>&\``;
    const escaped = '&lt;b title=&quot;x&quot; class=&#39;y&#39;&gt;&amp;&#96;';
    expect(String(html`<p title="${value}">${value}</p>`)).toBe(
      `<p title="${escaped}">${escaped}</p>`,
    );
  });

  it('is nothing when it is null, undefined or a truth value; a list is joined', () => {
    expect(
      String(html`${null}${undefined}${true}${false}${0}${['a', ['<'], html`<i>b</i>`]}`),
    ).toBe('0a&lt;<i>b</i>');
  });

  it('is markup only when html or trustedHtml made it', () => {
    const inner = html`<i>${'<'}</i>`;
    expect(String(html`<p>${inner}</p>`)).toBe('<p><i>&lt;</i></p>');
    expect(String(html`<p>${trustedHtml('<hr>')}</p>`)).toBe('<p><hr></p>');
    const forged = { toString: () => '<script>' } as unknown as string;
    expect(String(html`<p>${forged}</p>`)).toBe('<p>&lt;script&gt;</p>');
    expect(String(html`<p title="${inner}"></p>`)).toBe(
      '<p title="&lt;i&gt;&amp;lt;&lt;/i&gt;"></p>',
    );
  });

  it('after an exclamation mark is escaped like any other', () => {
    expect(String(html`<p>Hello!${'<b>'}</p>`)).toBe('<p>Hello!&lt;b&gt;</p>');
  });

  it.each(hostileMarkup)('stays text: %j', (value) => {
    const markup = String(html`<p title="${value}">${value}</p>`);
    expect(markup.match(/[<>]/g)).toHaveLength(4);
    expect(markup.match(/"/g)).toHaveLength(2);
    expect(markup).not.toContain('\0');
    expect(markup.isWellFormed()).toBe(true);
  });

  it.each(['..', '.', '../logout', '%2e%2e', 'a/b', '?x', '#x', '\\..'])(
    '%j in a path is one segment of it, and leads nowhere else',
    (value) => {
      const [, address] = /href="([^"]*)"/.exec(String(html`<a href="/a/${value}/c">x</a>`)) ?? [];
      const { pathname, search, hash } = new URL(address ?? '', 'https://rivet.test');
      expect(pathname).toMatch(/^\/a\/[^/]+\/c$/);
      expect(search + hash).toBe('');
    },
  );

  it('of dots in a query stays what it is', () => {
    expect(String(html`<a href="/?q=${'..'}">x</a>`)).toBe('<a href="/?q=..">x</a>');
  });

  it('in a title or a text area stays its text', () => {
    expect(String(html`<title>${'</title><script>'}</title>`)).toBe(
      '<title>&lt;/title&gt;&lt;script&gt;</title>',
    );
    expect(String(html`<textarea>${html`<b>`}</textarea>`)).toBe('<textarea>&lt;b&gt;</textarea>');
  });
});

describe('an address', () => {
  it.each(['/jobs/1', '?page=2', '#end', 'https://example.com/a?b&c', 'http://127.0.0.1:1', ''])(
    '%s may be linked to',
    (url) => {
      expect(safeUrl(url)).toBe(url);
    },
  );

  it.each([
    'javascript:alert(1)',
    'JAVASCRIPT:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    '\u0001javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:x',
    '//evil.invalid',
    '/\\evil.invalid',
    '/\t/evil.invalid',
    '\\\\evil.invalid',
    'https:///evil.invalid',
    'https:evil',
    'evil.html',
    'ftp://evil.invalid',
  ])('%j leads nowhere', (url) => {
    expect(String(html`<a href="${url}">x</a>`)).toBe('<a href="about:invalid">x</a>');
  });

  it('never gets a scheme or another host from a value', () => {
    const site = 'https://rivet.example';
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const url = new URL(safeUrl(value), site);
        expect(['https:', 'http:', 'about:']).toContain(url.protocol);
        if (!/^https?:/i.test(value) && url.protocol !== 'about:') expect(url.origin).toBe(site);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes a value after its beginning as one segment', () => {
    expect(String(html`<a href="/jobs/${'../x?y=<'}">x</a>`)).toBe(
      '<a href="/jobs/..%2Fx%3Fy%3D%3C">x</a>',
    );
    expect(String(html`<a href="/${'/evil.invalid'}">x</a>`)).toBe(
      '<a href="/%2Fevil.invalid">x</a>',
    );
    expect(String(html`<a href="/?q=${'a&b'}&c=${'d'}">x</a>`)).toContain('"/?q=a%26b&c=d"');
  });
});

describe('a template with a value where escaping cannot help', () => {
  const value = 'x';
  it.each([
    ['a script', () => html`<script>${value}</script>`],
    ['a style sheet', () => html`<style>${value}</style>`],
    ['an event attribute', () => html`<p onclick="${value}"></p>`],
    ['an event attribute of htmx', () => html`<p hx-on:click="${value}"></p>`],
    ['values of htmx that may be programs', () => html`<p hx-vals="${value}"></p>`],
    ['a style attribute', () => html`<p style="${value}"></p>`],
    ['a document in an attribute', () => html`<iframe srcdoc="${value}"></iframe>`],
    ['an attribute without quotes', () => html`<p class=${value}></p>`],
    ['the name of an attribute', () => html`<p ${value}="x"></p>`],
    ['the name of an element', () => html`<${value}>`],
    ['a comment', () => html`<!-- ${value} -->`],
    ['the end inside of a tag', () => html`${value}<p class="`],
  ])('throws when it is used: %s', (_, use) => {
    expect(use).toThrow(TypeError);
  });
});
