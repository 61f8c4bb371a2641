// Looks ahead while a script waits for a host call: which one it makes next, if that is answered as
// is expected. Never changes what the script does.
import fengari, { type Table } from '../../vendor/fengari/src/index.js';
import { FORESEEN_BYTES_MAX } from '../wire/frames.ts';
import type { WireExpected } from '../wire/messages.ts';
import { send } from './channel.ts';
import { FunctionRegistry, ValueError, ValueReader } from './convert.ts';
import type { HostCalls } from './host-calls.ts';
import { wirePlace } from './places.ts';
import type { Branch, Scheduler } from './scheduler.ts';

const { foreseeing } = fengari;

/** Where the script is: the call it waits for. */
interface Waiting {
  readonly branch: Branch;
  readonly sequence: number;
}

export class Foresight {
  readonly #scheduler: Scheduler;
  readonly #hostCalls: HostCalls;
  #answers = new Map<string, Table>();
  #names: ReadonlySet<string> = new Set();
  /** The call after which it was looked last. */
  #looked: Waiting | undefined;

  constructor(scheduler: Scheduler, hostCalls: HostCalls) {
    this.#scheduler = scheduler;
    this.#hostCalls = hostCalls;
  }

  /** Which calls to look for, and what the one under way is taken to give. */
  expect(expected: readonly WireExpected[]): void {
    this.#answers = new Map(
      expected.map(([name, fields, integers]) => [name, foreseeing.answerof(fields, integers)]),
    );
    this.#names = new Set(this.#answers.keys());
  }

  /** Tells the engine the next call, when it is certain. */
  tell(): void {
    if (this.#names.size === 0) return;
    const branch = this.#scheduler.only;
    const call = this.#hostCalls.only;
    if (branch === undefined || call === undefined) return;
    // Of a coroutine, what follows depends on those that resumed it.
    if (call.thread !== branch.thread) return;
    const answer = this.#answers.get(call.name);
    if (answer === undefined || !this.#isNew(branch)) return;
    const next = foreseeing.foresee(branch.thread, answer, this.#names);
    if (next === null) return;
    const { name, place } = next;
    try {
      const reader = new ValueReader(new FunctionRegistry());
      const args = next.args.map((value, i) => reader.read(value, `args[${i + 1}]`));
      const at = place === null ? null : wirePlace(place);
      const sequence = branch.sequence + 1;
      send(
        { type: 'foreseen', branch: branch.name, sequence, name, args, place: at },
        FORESEEN_BYTES_MAX,
      );
    } catch (error) {
      // The call itself will say so.
      if (!(error instanceof ValueError)) throw error;
    }
  }

  /** Whether nothing was looked for yet since the call under way was made. */
  #isNew(branch: Branch): boolean {
    const { sequence } = branch;
    if (this.#looked?.branch === branch && this.#looked.sequence === sequence) return false;
    this.#looked = { branch, sequence };
    return true;
  }
}
