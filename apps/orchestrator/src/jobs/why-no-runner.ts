// Says why no runner has taken a job yet: which are missing, nearest, busy, paused.
import type { ExplanationCause, Runner, RunnerTag } from '@rivet/protocol';
import { matchesPattern } from '../access/pattern.ts';

export interface WaitingJob {
  readonly pipeline: string;
  /** Tags that its runner must have; `*` in a value stands for any text. */
  readonly tags: readonly RunnerTag[];
}

/** Runners that are told of one by one. */
const TOLD_MAX = 5;

export function whyNoRunner(
  { pipeline, tags }: WaitingJob,
  runners: readonly Runner[],
): ExplanationCause[] {
  if (runners.length === 0) {
    return [cause('no_runner', 'There is no runner. Start one with `rivet runner start`.')];
  }
  const allowed = runners.filter(({ pipelines }) =>
    pipelines.some((pattern) => matchesPattern(pattern, pipeline)),
  );
  if (allowed.length === 0) {
    const text = `No runner may run the pipeline ${pipeline}: registration decides, with --pipeline.`;
    return [cause('no_runner_for_pipeline', text)];
  }
  const able = allowed.filter((runner) => lackedBy(runner, tags).length === 0);
  return able.length === 0 ? whyNoTags(tags, allowed) : whyNotNow(able);
}

function whyNoTags(tags: readonly RunnerTag[], allowed: readonly Runner[]): ExplanationCause[] {
  const missing = tags.filter((tag) => !allowed.some((runner) => has(runner, tag)));
  const [only] = missing;
  const what =
    only === undefined
      ? `all of the tags ${textOf(tags)}`
      : missing.length === 1
        ? `the tag ${textOf(missing)}`
        : `any of the tags ${textOf(missing)}`;
  const nearest = allowed.toSorted(
    (a, b) => lackedBy(a, tags).length - lackedBy(b, tags).length || rank(a) - rank(b),
  )[0];
  if (nearest === undefined) return [];
  const lacks = lackedBy(nearest, tags);
  const others = nearest.tags.filter(({ key }) => lacks.some((tag) => tag.key === key));
  const instead = others.length === 0 ? '' : ` and has ${textOf(others)}`;
  const text = `No runner has ${what}. The nearest is ${nearest.name}, which lacks ${textOf(lacks)}${instead}.`;
  return [cause('no_runner_with_tags', text)];
}

function whyNotNow(able: readonly Runner[]): ExplanationCause[] {
  const online = able.filter(({ state }) => state === 'online');
  const [free] = online
    .filter(({ running, capacity }) => running < capacity)
    .toSorted((a, b) => seenAt(b).localeCompare(seenAt(a)));
  if (free !== undefined) {
    // One that died a moment ago counts as online still.
    const text = `The runner ${free.name} can take it, and should any moment; it was last heard of at ${seenAt(free)}.`;
    return [cause('runner_free', text)];
  }
  const others = able.filter(({ state }) => state !== 'online').sort((a, b) => rank(a) - rank(b));
  const told = others.slice(0, TOLD_MAX).map(whyNotThis);
  const left = others.length - told.length;
  const rest = left > 0 ? [cause('runner_offline', `${left} more are not online either.`)] : [];
  if (online.length === 0) return [...told, ...rest];
  const jobs = online.reduce((sum, { running }) => sum + running, 0);
  const busy = `All runners that can take it are busy (${online.length}, with ${jobsOf(jobs)}).`;
  return [cause('runners_busy', busy), ...told, ...rest];
}

function whyNotThis(runner: Runner): ExplanationCause {
  const { name, state, pause, problem, running } = runner;
  const note = pause?.note == null ? '' : `: ${pause.note}`;
  switch (state) {
    case 'paused': {
      const until = pause?.until == null ? 'until it is resumed' : `until ${pause.until}`;
      const text = `The runner ${name} is paused ${until}, by ${pause?.by ?? 'somebody'}${note}.`;
      return cause('runner_paused', text);
    }
    case 'draining': {
      const by = pause === null ? 'is stopping' : `was drained by ${pause.by}${note}`;
      return cause('runner_draining', `The runner ${name} ${by}; it has ${jobsOf(running)} left.`);
    }
    case 'unfit':
      return cause('runner_unfit', `The runner ${name} takes no jobs: ${problem}.`);
    case 'online':
    case 'offline': {
      const since = runner.last_seen_at ?? 'it registered';
      const paused = pause === null ? '' : `, and is paused by ${pause.by}${note}`;
      return cause('runner_offline', `The runner ${name} is offline since ${since}${paused}.`);
    }
  }
}

function seenAt({ last_seen_at: seen, created_at: registered }: Runner): string {
  return seen ?? registered;
}

function jobsOf(count: number): string {
  return count === 1 ? '1 job' : `${count} jobs`;
}

const RANKS: Readonly<Record<Runner['state'], number>> = {
  online: 0,
  paused: 1,
  unfit: 2,
  draining: 3,
  offline: 4,
};

function rank({ state }: Runner): number {
  return RANKS[state];
}

function lackedBy(runner: Runner, tags: readonly RunnerTag[]): RunnerTag[] {
  return tags.filter((tag) => !has(runner, tag));
}

function has(runner: Runner, { key, value }: RunnerTag): boolean {
  return runner.tags.some((tag) => tag.key === key && matchesPattern(value, tag.value));
}

function textOf(tags: readonly RunnerTag[]): string {
  return tags.map(({ key, value }) => `${key}=${value}`).join(', ');
}

function cause(code: ExplanationCause['code'], text: string): ExplanationCause {
  return { code, text };
}
