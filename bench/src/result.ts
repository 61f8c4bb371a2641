// The result of a run: what it holds, how it is kept in the repository, and as a page to read.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import { isMet, type Row } from './measure.ts';
import { markdownTable } from './table.ts';

/** What became of one benchmark. */
export interface Outcome {
  readonly name: string;
  readonly about: string;
  /** When it began: ISO 8601, UTC. */
  readonly began: string;
  readonly seconds: number;
  readonly rounds: number;
  /** Empty when it failed. */
  readonly rows: readonly Row[];
  /** Why it could not be run; absent when it was. */
  readonly failure?: string;
}

export interface Result {
  readonly machine: Machine;
  readonly benchmarks: readonly Outcome[];
}

const DIRECTORY = fileURLToPath(new URL('../results/', import.meta.url));

/**
 * The result with the benchmarks of an earlier one that were not run this time.
 * @param names of all benchmarks, in their order; what is not among them is dropped
 */
export function mergeResults(
  earlier: Result | undefined,
  now: Result,
  names: readonly string[],
): Result {
  const known = [...now.benchmarks, ...(earlier?.benchmarks ?? [])];
  const benchmarks = names.flatMap((name) => known.find((one) => one.name === name) ?? []);
  return { machine: now.machine, benchmarks };
}

/** `3 targets met, 1 missed, 1 benchmark failed` */
export function summaryOf(outcomes: readonly Outcome[]): string {
  const verdicts = outcomes.flatMap(({ rows }) => rows.map(isMet));
  const count = (verdict: boolean): number => verdicts.filter((one) => one === verdict).length;
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length;
  const failures = failed === 0 ? '' : `, ${failed} benchmark${failed === 1 ? '' : 's'} failed`;
  return `${count(true)} targets met, ${count(false)} missed${failures}`;
}

/** The result that is kept; undefined when there is none, or none that can be read. */
export async function readKeptResult(directory = DIRECTORY): Promise<Result | undefined> {
  try {
    return JSON.parse(await readFile(`${directory}/latest.json`, 'utf8')) as Result;
  } catch {
    return undefined;
  }
}

/** Keeps the result, as JSON and as a page. */
export async function keepResult(result: Result, directory = DIRECTORY): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(`${directory}/latest.json`, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(`${directory}/latest.md`, `${resultPage(result).join('\n')}\n`);
}

/** The result as lines of Markdown. */
export function resultPage({ machine, benchmarks }: Result): string[] {
  const facts = [
    `${machine.processors} × ${machine.processor}, ${machine.memoryGb} GB`,
    `${machine.system}, Linux ${machine.kernel}`,
    `Node ${machine.node}, Podman ${machine.podman}, PostgreSQL ${machine.postgresql}`,
    `PostgreSQL: ${machine.durability}`,
    `load before the run: ${machine.loadBefore}`,
  ];
  return [
    '# The latest result of `npm run bench`',
    '',
    `Made by the command; what each figure means stands in [Performance](../../docs/performance.md).`,
    `${summaryOf(benchmarks)}.`,
    '',
    ...facts.map((fact) => `- ${fact}`),
    ...benchmarks.flatMap(outcomeLines),
  ];
}

function outcomeLines({ name, about, began, seconds, rounds, rows, failure }: Outcome): string[] {
  const title = ['', `## ${name}: ${about}`, ''];
  const when = `${began.slice(0, 16).replace('T', ' ')} UTC, ${seconds} s, ${rounds} rounds`;
  if (failure === undefined) return [...title, when, '', ...markdownTable(rows)];
  return [...title, when, '', 'It could not be run:', '', '```', failure, '```'];
}
