// The result of a run: what it holds, how it is kept in the repository, and as a page to read.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Machine } from './machine.ts';
import type { Row } from './measure.ts';
import { markdownTable, promisesTable } from './table.ts';

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

/** Where results are kept. */
interface Places {
  readonly directory: string;
  /** A page with the marks between which the figures with a target stand. */
  readonly page: string;
}

const PLACES: Places = {
  directory: fileURLToPath(new URL('../results/', import.meta.url)),
  page: fileURLToPath(new URL('../../docs/performance.md', import.meta.url)),
};
const MARKS = /(<!-- results: [^>]*-->\n)[\s\S]*?(<!-- end of results -->)/;

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
  const verdicts = outcomes.flatMap(({ rows }) => rows.map(({ met }) => met));
  const count = (verdict: boolean): number => verdicts.filter((one) => one === verdict).length;
  const failed = outcomes.filter(({ failure }) => failure !== undefined).length;
  const failures = failed === 0 ? '' : `, ${failed} benchmark${failed === 1 ? '' : 's'} failed`;
  return `${count(true)} targets met, ${count(false)} missed${failures}`;
}

/** The result that is kept; undefined when there is none, or none that can be read. */
export async function readKeptResult(places = PLACES): Promise<Result | undefined> {
  try {
    return JSON.parse(await readFile(`${places.directory}/latest.json`, 'utf8')) as Result;
  } catch {
    return undefined;
  }
}

/**
 * Keeps the result, as JSON and as a page, and writes what was promised into the page for readers.
 * @throws when that page has no marks
 */
export async function keepResult(result: Result, places = PLACES): Promise<void> {
  await mkdir(places.directory, { recursive: true });
  await writeFile(`${places.directory}/latest.json`, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(`${places.directory}/latest.md`, `${resultPage(result).join('\n')}\n`);
  const page = await readFile(places.page, 'utf8');
  if (!MARKS.test(page)) throw new Error(`${places.page} has no marks for the results`);
  const figures = ['', ...machineFacts(result), '', ...promisesTable(result.benchmarks), '', ''];
  const written = page.replace(MARKS, (_, start, end) => start + figures.join('\n') + end);
  await writeFile(places.page, written);
}

/** The result as lines of Markdown. */
function resultPage(result: Result): string[] {
  return [
    '# The latest result of `npm run bench`',
    '',
    'Made by the command; what each figure means stands in [Performance](../../docs/performance.md).',
    '',
    ...machineFacts(result),
    ...result.benchmarks.flatMap(outcomeLines),
  ];
}

function machineFacts({ machine, benchmarks }: Result): string[] {
  const when = benchmarks.map(({ began }) => began.slice(0, 10)).sort();
  const days = [...new Set([when.at(0), when.at(-1)])].join(' to ');
  return [
    `- ${days}: ${summaryOf(benchmarks)}`,
    `- ${machine.processors} × ${machine.processor}, ${machine.memoryGb} GB; load before the run: ${machine.loadBefore}`,
    `- ${machine.system}, Linux ${machine.kernel}; Node ${machine.node}, Podman ${machine.podman}`,
    `- PostgreSQL ${machine.postgresql}: ${machine.durability}`,
  ];
}

function outcomeLines({ name, about, began, seconds, rounds, rows, failure }: Outcome): string[] {
  const title = ['', `## ${name}: ${about}`, ''];
  const when = `${began.slice(0, 16).replace('T', ' ')} UTC, ${seconds} s, ${rounds} rounds`;
  if (failure === undefined) return [...title, when, '', ...markdownTable(rows)];
  return [...title, when, '', 'It could not be run:', '', '```', failure, '```'];
}
