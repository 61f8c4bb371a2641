// Compares what programs print in Lua and in Rivet, and makes a failing program small.
import { type Program, sourceOf } from './program.ts';
import { runInLua } from './reference.ts';
import type { Sandbox } from './sandbox.ts';

/** One program whose outputs differ. */
export interface Difference {
  readonly program: Program;
  readonly source: string;
  readonly lua: string;
  readonly rivet: string;
}

/** The programs of a batch whose outputs differ. */
export async function compare(
  programs: readonly Program[],
  sandbox: Sandbox,
): Promise<Difference[]> {
  const sources = programs.map((program) => sourceOf(program.units));
  const [lua, rivet] = await Promise.all([runInLua(sources), sandbox.run(sources)]);
  return programs.flatMap((program, i) => {
    const difference = {
      program,
      source: sources[i] ?? '',
      lua: comparable(lua[i] ?? ''),
      rivet: comparable(rivet[i] ?? ''),
    };
    return difference.lua === difference.rivet ? [] : [difference];
  });
}

/** Without what depends on the machine: addresses, and the sign of what is not a number. */
function comparable(output: string): string {
  return output
    .replaceAll(
      /\b(table|function|thread|userdata|My\.Type|Named): (builtin: )?(0x)?[0-9a-f]+/g,
      '$1: ADDRESS',
    )
    .replaceAll(/-nan\b/g, 'nan')
    .replaceAll(/-NAN\b/g, 'NAN');
}

/** The smallest part of a program, by whole units and then by lines, that still differs. */
export async function shrink(found: Difference, sandbox: Sandbox): Promise<Difference> {
  let best = found;
  for (const split of [
    (d: Difference) => d.program.units,
    (d: Difference) => d.source.split('\n'),
  ]) {
    let parts = split(best);
    for (let smaller = true; smaller && parts.length > 1; ) {
      const candidates = parts.map((_, i) => parts.filter((__, j) => j !== i));
      const programs = candidates.map((units) => ({ ...best.program, units: [units.join('\n')] }));
      const [first] = (await compare(programs, sandbox)).filter(sameKind(best));
      smaller = first !== undefined;
      if (first === undefined) break;
      best = first;
      parts = candidates[programs.indexOf(first.program as (typeof programs)[number])] ?? [];
    }
  }
  return best;
}

/** A part may show another difference: only those that start the same way are about the same. */
function sameKind(best: Difference): (other: Difference) => boolean {
  const wanted = signature(best);
  return (other) => signature(other) === wanted;
}

/** The first lines that differ, whatever lines and numbers they name. */
function signature({ lua, rivet }: Difference): string {
  const theirs = lua.split('\n');
  const ours = rivet.split('\n');
  const at = theirs.findIndex((line, i) => line !== ours[i]);
  return `${theirs[at]} / ${ours[at]}`.replaceAll(/\d+/g, '#');
}

/** A difference for a person: the seed, the source and the lines that differ. */
export function describeDifference({ program, source, lua, rivet }: Difference): string {
  const theirs = lua.split('\n');
  const ours = rivet.split('\n');
  const lines = Array.from({ length: Math.max(theirs.length, ours.length) }, (_, i) => i)
    .filter((i) => theirs[i] !== ours[i])
    .slice(0, 5)
    .flatMap((i) => [
      `  lua5.3: ${theirs[i]?.slice(0, 500)}`,
      `  rivet:  ${ours[i]?.slice(0, 500)}`,
    ]);
  return [`seed ${program.seed} (${program.topic}):`, source, ...lines].join('\n');
}
