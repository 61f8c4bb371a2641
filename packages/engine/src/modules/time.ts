// The module `time`: the clock, which Lua has only through host calls.
import { sleep } from '@rivet/base';
import { type HostModule, hostFunction, required } from '../host-function.ts';
import { duration } from '../value-readers.ts';

export const timeModule: HostModule = {
  name: 'time',
  functions: {
    now: hostFunction([], () => [Date.now() / 1000]),
    iso: hostFunction([], () => [new Date().toISOString()]),
    sleep: hostFunction(
      [required('duration', duration)],
      async ({ branch }, ms) => {
        await sleep(ms, branch.signal);
        branch.signal.throwIfAborted();
        return [];
      },
      { effect: true },
    ),
  },
};
