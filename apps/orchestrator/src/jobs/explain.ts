// Says why a job is in the state it is in, as sentences.
import { formatDuration } from '@rivet/base';
import type { JobExplanation, RunnerTag } from '@rivet/protocol';
import {
  fulfilledTags,
  type JobRow,
  listRunners,
  type Queryable,
  type QueuePosition,
  type RunnerRow,
  readAttempt,
  readQueuePosition,
  tagText,
} from '@rivet/store';
import { matchesPattern } from '../access/pattern.ts';
import { presentRunner } from '../present.ts';
import { missingSecrets } from '../secrets/job-secrets.ts';

export async function explainJob(db: Queryable, job: JobRow): Promise<JobExplanation> {
  const reasons = job.state === 'queued' ? await whyQueued(db, job) : await whyNow(db, job);
  // One that succeeded has done without them.
  const missing = job.state === 'succeeded' ? [] : await missingSecrets(db, job);
  return { state: job.state, reasons: [...reasons, ...missing] };
}

async function whyQueued(db: Queryable, job: JobRow): Promise<string[]> {
  const position = await readQueuePosition(db, job.id);
  if (position === undefined) return ['A runner is about to take it.'];
  const reasons: string[] = [];
  if (job.attempt > 0) {
    const last = await readAttempt(db, job.id, job.attempt);
    const why = last?.message ?? last?.result ?? 'it ended early';
    reasons.push(`Attempt ${job.attempt} is over: ${why}.`);
  }
  if (position.wait_ms > 0) {
    return [...reasons, `The next attempt begins in ${formatDuration(position.wait_ms)}.`];
  }
  const runners = await listRunners(db, { after: '', limit: 1000 });
  return [...reasons, ...whyNoRunner(position, runners), ...whoIsAhead(position.ahead)];
}

function whyNoRunner(
  { needs, pipeline_name: pipeline }: QueuePosition,
  runners: readonly RunnerRow[],
): string[] {
  const allOnline = runners.filter((runner) => presentRunner(runner).state === 'online');
  const online = allOnline.filter(({ pipelines }) =>
    pipelines.some((pattern) => matchesPattern(pattern, pipeline)),
  );
  if (runners.length === 0) return ['There is no runner. Start one with `rivet runner start`.'];
  if (allOnline.length === 0) {
    const draining = runners.some((runner) => presentRunner(runner).state === 'draining');
    const state = draining ? 'draining or offline' : 'offline';
    return [`All ${runners.length} runners are ${state}.`];
  }
  if (online.length === 0) {
    return [`No runner that is online may run the pipeline ${pipeline}.`];
  }
  const missing = needs.filter((need) => !online.some((runner) => fulfils(runner, [need])));
  if (missing.length > 0) {
    return missing.map((need) => `No runner that is online has the tag ${readable(need)}.`);
  }
  const able = online.filter((runner) => fulfils(runner, needs));
  if (able.length === 0) {
    return [`No runner that is online has all of the tags ${needs.map(readable).join(', ')}.`];
  }
  const free = able.filter((runner) => runner.running < runner.capacity);
  if (free.length > 0) return [`The runner ${free[0]?.name} can take it, and should any moment.`];
  const running = able.reduce((sum, runner) => sum + runner.running, 0);
  return [`All runners that can take it are busy (${able.length}, with ${running} jobs).`];
}

function whoIsAhead(ahead: number): string[] {
  if (ahead === 0) return ['It is the next in the queue.'];
  return [`${ahead} ${ahead === 1 ? 'job stands' : 'jobs stand'} before it in the queue.`];
}

async function whyNow(db: Queryable, job: JobRow): Promise<string[]> {
  const runner = job.runner_name ?? 'a runner that is gone';
  if (job.state === 'running') {
    const attempt = await readAttempt(db, job.id, job.attempt);
    const late = attempt?.expired === true ? ['Its runner has not been heard of in time.'] : [];
    const canceling = job.cancel_requested ? ['Somebody asked to cancel it.'] : [];
    return [`Attempt ${job.attempt} runs on ${runner}.`, ...canceling, ...late];
  }
  if (job.state === 'succeeded') return [`Attempt ${job.attempt} succeeded on ${runner}.`];
  if (job.state === 'canceled') return [job.message ?? 'Somebody canceled it.'];
  return [`It failed: ${job.reason}.`, ...(job.message === null ? [] : [job.message])];
}

function fulfils(runner: RunnerRow, needs: readonly string[]): boolean {
  const has = new Set(fulfilledTags(runner.tags));
  return needs.every((need) => has.has(need));
}

function readable(need: string): string {
  const [key = '', value = ''] = JSON.parse(need) as string[];
  const tag: RunnerTag = { key, value };
  return tagText(tag) === need ? `${tag.key}=${tag.value}` : need;
}
