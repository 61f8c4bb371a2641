// A program that is kept running the way a service manager does it: when it ends, it is started
// again, unless somebody holds it down.
import type { Program } from '../program.ts';

/** Between the end of a program and its next start, as service managers wait, in milliseconds. */
const RESTART_MS = 100;

export interface Member {
  readonly name: string;
  /** What the last program that ended said before it did; for a failed run. */
  readonly lastWords: string;
  /** Whether the program that runs now can be used. */
  readonly isReady: boolean;
  /** Of the program that runs now. */
  readonly pid: number | undefined;
  /** Sends a signal to the program that runs now; nothing when none does. */
  signal(name: NodeJS.Signals): void;
  /** From now on it is not started again, until `release`. */
  hold(): void;
  release(): void;
  /** Ends it for good. Resolves with what it said last when it did not end as it should. */
  stop(): Promise<string | undefined>;
}

/** Ends that are no fault of a program: it was told to, told twice (130), killed. */
const EXPECTED_ENDS: readonly (number | string)[] = [0, 130, 'SIGKILL'];

/**
 * Starts `start` and again whenever its program ends.
 * @param ready resolves when the program can be used; an end before that is not a fault, for what
 *   it needs may be away
 */
export function startMember(
  name: string,
  start: () => Program,
  ready: (program: Program) => Promise<unknown>,
): Member {
  let program: Program | undefined;
  let isReady = false;
  let lastWords = '';
  let stopping = false;
  let held = false;
  let wake = (): void => undefined;
  const faults: string[] = [];

  const serve = async (): Promise<void> => {
    while (!stopping) {
      if (held) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const current = start();
      program = current;
      let wasReady = false;
      void ready(current).then(
        () => {
          wasReady = true;
          isReady = program === current;
        },
        () => undefined,
      );
      const end = await current.ended;
      program = undefined;
      isReady = false;
      lastWords = `${name} ended with ${end}:\n${current.stderr().slice(-2000)}`;
      if (wasReady && !EXPECTED_ENDS.includes(end)) {
        faults.push(lastWords);
      }
      if (!stopping) await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
    }
  };
  const served = serve();
  return {
    name,
    get lastWords() {
      return lastWords;
    },
    get isReady() {
      return isReady;
    },
    get pid() {
      return program?.pid;
    },
    signal(signal) {
      program?.signal(signal);
    },
    hold() {
      held = true;
    },
    release() {
      held = false;
      wake();
    },
    async stop() {
      stopping = true;
      wake();
      program?.signal('SIGCONT');
      await program?.stop();
      await served;
      return faults.length === 0 ? undefined : faults.join('\n');
    },
  };
}
