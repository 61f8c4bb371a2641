// The redaction that the real one is compared with: looks for each form at each place of the text.
import { secretForms } from '../src/redaction/secret-forms.ts';

/** Where forms stand, touching ones joined; the text has no line ends and no terminal codes. */
export function findNaively(text: string, secrets: readonly string[]): [number, number][] {
  const found: [number, number][] = [];
  for (const form of new Set(secrets.flatMap((secret) => secretForms(secret).map(latin1)))) {
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
      found.push([at, at + form.length]);
    }
  }
  found.sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [start, end] of found) {
    const last = joined.at(-1);
    if (last !== undefined && last[1] >= start) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

/** The text as it should be shown. */
export function redactNaively(text: string, secrets: readonly string[]): string {
  let shown = '';
  let from = 0;
  for (const [start, end] of findNaively(text, secrets)) {
    shown += `${text.slice(from, start)}***`;
    from = end;
  }
  return shown + text.slice(from);
}

function latin1({ bytes }: { readonly bytes: Uint8Array }): string {
  return Buffer.from(bytes).toString('latin1');
}
