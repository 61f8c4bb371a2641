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
      async ({ job, branch }, ms) => {
        await sleepOn(job.clock, ms, branch.signal);
        branch.signal.throwIfAborted();
        return [];
      },
      { effect: true },
    ),
  },
};
