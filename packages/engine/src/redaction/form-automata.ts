// Which automata the forms of a job's secrets are put into, as secrets are added one by one.
import { Automaton, LONG_FORM_BYTES_MIN } from './automaton.ts';
import type { SecretForm } from './secret-forms.ts';

/** So many states take a few milliseconds to build: those of some thirty secrets of forty letters. */
const ONE_STATES_MAX = 32 * 1024;

/**
 * Forms that wrap have automata of their own. So have the short ones of the others: a log is read
 * in steps as long as the shortest form of an automaton allows.
 */
export function kindOf({ bytes, wraps }: SecretForm): number {
  if (wraps) return 0;
  return bytes.length < LONG_FORM_BYTES_MIN ? 1 : 2;
}

/** The automata with further forms of their kind: few, and each form is rebuilt rarely. */
export function withForms(
  automata: readonly Automaton[],
  added: readonly SecretForm[],
): readonly Automaton[] {
  if (added.length === 0) return automata;
  const kept = [...automata];
  let forms = [...added];
  let size = sizeOf(forms);
  for (let last = kept.at(-1); last !== undefined && last.size <= 2 * size; last = kept.at(-1)) {
    forms = [...last.forms, ...forms];
    size += last.size;
    kept.pop();
  }
  return [...kept, new Automaton(forms)];
}

/**
 * One automaton of all, as whoever reads much asks each of them about every byte; the same ones
 * where that would take long to build.
 */
export function inOne(automata: readonly Automaton[]): readonly Automaton[] {
  const states = automata.reduce((sum, { size }) => sum + size, 0);
  if (automata.length <= 1 || states > ONE_STATES_MAX) return automata;
  return [new Automaton(automata.flatMap(({ forms }) => forms))];
}

function sizeOf(forms: readonly SecretForm[]): number {
  return forms.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
