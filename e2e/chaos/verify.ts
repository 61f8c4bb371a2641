// Looks at every job whose launch was acknowledged: it ended, once, as it should, and its log holds
// exactly what its commands printed.
import type { Client, JobDetail, LogLine } from '@rivet/protocol';
import { allLines, numberingFault } from '../jobs.ts';
import type { Launched } from './load.ts';
import { expectedLines } from './pipeline.ts';

/** As the server counts them, in apps/orchestrator/src/jobs/transitions.ts. */
const LOST_MAX = 3;

/** What the jobs of a run came to. */
export interface Verdict {
  readonly faults: readonly string[];
  /** Jobs by state and reason. */
  readonly ends: Readonly<Record<string, number>>;
  /** Attempts that another one followed. */
  readonly lostAttempts: number;
}

/** Looks at each job, all of which should have ended. */
export async function verifyJobs(client: Client, jobs: readonly Launched[]): Promise<Verdict> {
  const faults: string[] = [];
  const ends: Record<string, number> = {};
  let lostAttempts = 0;
  for (const launched of jobs) {
    const job = await client.getJob({ id: launched.id });
    const end = job.reason === null ? job.state : `${job.state} (${job.reason})`;
    ends[end] = (ends[end] ?? 0) + 1;
    lostAttempts += Math.max(0, job.attempt - 1);
    for (const fault of [
      ...endFaults(launched, job),
      ...(await logFaults(client, launched, job)),
    ]) {
      faults.push(`job ${job.id}, attempt ${job.attempt}: ${fault}`);
    }
  }
  return { faults, ends, lostAttempts };
}

function endFaults({ numbers, canceled }: Launched, job: JobDetail): string[] {
  if (canceled && job.state === 'canceled') return [];
  if (isGivenUp(job)) return [];
  const wanted = numbers.exit === 0 ? 'succeeded' : 'failed';
  const found = `it is ${job.state} (${job.reason}: ${job.message})`;
  if (job.state !== wanted) return [`${found}, not ${wanted}`];
  if (wanted === 'failed' && job.reason !== 'stage_failed') return [`${found}, not for its stage`];
  if (job.outputs.done !== true) return ['its output is missing'];
  const stages = job.stages.map(({ name, state }) => `${name} ${state}`).join(', ');
  const last = wanted === 'failed' ? 'failed' : 'succeeded';
  const should = `one succeeded, many succeeded, last ${last}`;
  return stages === should ? [] : [`its stages are ${stages}, not ${should}`];
}

/** A job that lost so many runners is given to no other one, whatever they were lost for. */
function isGivenUp({ state, reason, attempt }: JobDetail): boolean {
  return state === 'failed' && reason === 'runner_lost' && attempt >= LOST_MAX;
}

/** Of every attempt: the last one of a job that came to its end is whole, the others begin so. */
async function logFaults(client: Client, launched: Launched, job: JobDetail): Promise<string[]> {
  const faults: string[] = [];
  for (let attempt = 1; attempt <= job.attempt; attempt += 1) {
    const lines = await allLines(client, job.id, attempt);
    const numbering = numberingFault(lines);
    if (numbering !== undefined) faults.push(`log of attempt ${attempt}: ${numbering}`);
    const whole = attempt === job.attempt && job.state !== 'canceled' && !isGivenUp(job);
    for (const fault of contentFaults(launched, lines, whole)) {
      faults.push(`log of attempt ${attempt}: ${fault}`);
    }
  }
  return faults;
}

function contentFaults({ numbers }: Launched, lines: readonly LogLine[], whole: boolean): string[] {
  const expected = expectedLines(numbers);
  const printed = new Map<string, string[]>();
  for (const { text } of lines) {
    if (!text.startsWith('=')) continue;
    const source = text.split(' ', 1)[0] ?? '';
    const texts = printed.get(source);
    if (texts === undefined) printed.set(source, [text]);
    else texts.push(text);
  }
  const unknown = [...printed.keys()].filter((source) => !expected.has(source));
  const faults = unknown.map((source) => `${source} printed what nobody asked for`);
  for (const [source, should] of expected) {
    const texts = printed.get(source) ?? [];
    const wrong = texts.findIndex((text, index) => text !== should[index]);
    if (wrong >= 0) {
      faults.push(`after ${wrong} lines of ${source}: "${texts[wrong]}", not "${should[wrong]}"`);
    } else if (whole && texts.length < should.length) {
      faults.push(`${source} has ${texts.length} lines of ${should.length}`);
    }
  }
  return faults;
}
