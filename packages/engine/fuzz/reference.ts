// The redaction that the real one is compared with: looks for each form at each place of the text.
import { secretForms } from '../src/redaction/secret-forms.ts';

/** For text without line ends and terminal codes, of which each letter stands for a byte. */
export interface Reference {
  /** Whether a form stands in the text. */
  finds(text: string): boolean;
  /** The text as it should be shown. */
  redact(text: string): string;
}

export function createReference(secrets: readonly string[]): Reference {
  const forms = [...new Set(secrets.flatMap((secret) => secretForms(secret).map(latin1)))];
  return {
    finds: (text) => forms.some((form) => text.includes(form)),
    redact(text) {
      let shown = '';
      let from = 0;
      for (const [start, end] of joined(forms.flatMap((form) => placesOf(form, text)))) {
        shown += `${text.slice(from, start)}***`;
        from = end;
      }
      return shown + text.slice(from);
    },
  };
}

type Place = [start: number, end: number];

function placesOf(form: string, text: string): Place[] {
  const places: Place[] = [];
  for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) {
    places.push([at, at + form.length]);
  }
  return places;
}

/** In order; those that overlap or touch are one. */
function joined(places: Place[]): Place[] {
  places.sort((a, b) => a[0] - b[0]);
  const all: Place[] = [];
  for (const [start, end] of places) {
    const last = all.at(-1);
    if (last !== undefined && last[1] >= start) last[1] = Math.max(last[1], end);
    else all.push([start, end]);
  }
  return all;
}

function latin1({ bytes }: { readonly bytes: Uint8Array }): string {
  return Buffer.from(bytes).toString('latin1');
}
