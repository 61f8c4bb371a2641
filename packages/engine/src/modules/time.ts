// The module `time`: the clock, which Lua has only through host calls.
import { sleepOn } from '../clock.ts';
import { type HostModule, hostFunction, required } from '../host-function.ts';
import { duration } from '../value-readers.ts';

export const timeModule: HostModule = {
  name: 'time',
  functions: {
    now: hostFunction([], ({ job }) => [job.clock.now() / 1000]),
    iso: hostFunction([], ({ job }) => [new Date(job.clock.now()).toISOString()]),
    sleep: hostFunction(
      [required('duration', duration)],
      async ({ job, branch, begunAtMs }, ms) => {
        const sleptMs = begunAtMs === undefined ? 0 : job.clock.now() - begunAtMs;
        await sleepOn(job.clock, Math.min(ms, Math.max(0, ms - sleptMs)), branch.signal);
        branch.signal.throwIfAborted();
        return [];
      },
      { effect: true, interrupted: 'resume' },
    ),
  },
};
