// Runs one benchmark in a process of its own, so that what it leaves behind disturbs no other.
import { startProcess } from '@rivet/processes';
import { root } from './command.ts';
import type { Row } from './measure.ts';
import type { Outcome } from './result.ts';

/** Longer than any of them takes on a slow machine. */
const BENCHMARK_MS_MAX = 30 * 60_000;
const STOP_MS = 45_000;

export interface Apart {
  readonly name: string;
  readonly about: string;
  readonly rounds: number;
  /** The program to start, below the root of the repository; told `--here --only NAME`. */
  readonly program: string;
  /** Ends the benchmark early. */
  readonly stop: AbortSignal;
  /** 30 minutes when absent. */
  readonly msMax?: number;
}

/** Runs it and gives its rows, or why there are none; never rejects. */
export async function runApart(apart: Apart): Promise<Outcome> {
  const { name, about, rounds, program, stop, msMax = BENCHMARK_MS_MAX } = apart;
  const start = performance.now();
  const began = new Date().toISOString();
  const child = startProcess({
    file: process.execPath,
    args: [program, '--here', '--json', '--only', name, '--rounds', String(rounds)],
    cwd: root,
    env: process.env,
    stdin: 'ignore',
    stderr: 'inherit',
    // What it has started ends with it.
    group: true,
  });
  const end = (): void => void child.stop(STOP_MS);
  stop.addEventListener('abort', end, { once: true });
  const timer = setTimeout(end, msMax);
  const chunks: Uint8Array[] = [];
  for await (const chunk of child.stdout ?? []) chunks.push(chunk);
  const { code, signal, error } = await child.exit;
  clearTimeout(timer);
  stop.removeEventListener('abort', end);
  const seconds = Math.round((performance.now() - start) / 100) / 10;
  const outcome = { name, about, began, seconds, rounds };
  const rows = readRows(Buffer.concat(chunks).toString('utf8'));
  if (rows !== undefined && code === 0) return { ...outcome, rows };
  const late = seconds * 1000 >= msMax ? ` after ${msMax / 1000} s, which is too long` : '';
  const failure = `${error?.message ?? `it ended with ${code ?? signal}`}${late}`;
  return { ...outcome, rows: [], failure };
}

function readRows(text: string): readonly Row[] | undefined {
  try {
    const { rows } = JSON.parse(text) as { rows?: readonly Row[] };
    return rows;
  } catch {
    return undefined;
  }
}
