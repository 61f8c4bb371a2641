// Runs programs in this very process, which is there for nothing else: it was started with the
// limits of a Lua process, and whoever started it does the same elsewhere when it ends early.
import { divert } from './child/channel.ts';
import type { Program } from './child/program.ts';
import { follow, prepare } from './child/serve.ts';
import type { LuaPeer, LuaProcessListener } from './lua-process.ts';
import { ProcessVm } from './process-vm.ts';
import type { LuaEngine, LuaVm } from './vm.ts';
import { CHILD_FRAME_BYTES_MAX, FRAME_BYTES_MAX, FrameReader } from './wire/frames.ts';
import type { FromChild, ToChild, WireProgram } from './wire/messages.ts';
import { wireProgram } from './wire/wire-program.ts';

/** Programs that compute for longer are better off where they can be watched. */
const CPU_MS_MAX = 1000;

export interface LocalEngine extends LuaEngine {
  /** Makes ready for a program that sees what the last one saw. */
  prepare(): void;
}

/**
 * An engine for programs that make no host calls, one at a time.
 * @param giveUp ends the process: a program reached a limit, asked for an effect or broke the VM
 */
export function createLocalEngine(giveUp: (reason: string) => never): LocalEngine {
  let last: WireProgram | undefined;
  return {
    async open(program, host, limits): Promise<LuaVm> {
      const cpuMs = Math.min(limits.cpuMs, CPU_MS_MAX);
      const wire = wireProgram(program, { ...limits, cpuMs });
      last = wire;
      const vm = new ProcessVm(new LocalPeer(giveUp), program, host, limits, undefined);
      await vm.load(wire);
      return vm;
    },
    prepare() {
      if (last !== undefined) prepare(last);
    },
    close: async () => undefined,
  };
}

/** The two ends of a pipe in one process: what one sends, the other does when it is next its turn. */
class LocalPeer implements LuaPeer {
  readonly pid = undefined;
  readonly #giveUp: (reason: string) => never;
  readonly #toProgram = new FrameReader(FRAME_BYTES_MAX);
  readonly #toEngine = new FrameReader(CHILD_FRAME_BYTES_MAX);
  #listener: LuaProcessListener | undefined;
  #program: Program | undefined;
  #ended = false;

  constructor(giveUp: (reason: string) => never) {
    this.#giveUp = giveUp;
  }

  attach(listener: LuaProcessListener): void {
    this.#listener = listener;
  }

  sendFrame(frame: Buffer): void {
    queueMicrotask(() => this.#run(frame));
  }

  fail(reason: string): never {
    return this.#giveUp(reason);
  }

  kill(): void {
    this.#ended = true;
    this.#program = undefined;
  }

  exited(): Promise<void> {
    return Promise.resolve();
  }

  #run(frame: Buffer): void {
    divert((answer) => this.#take(answer));
    try {
      for (const { message } of this.#toProgram.push(frame)) {
        if (this.#ended) return;
        this.#program = follow(this.#program, message as ToChild);
        this.#program.run();
      }
    } catch (error) {
      this.#giveUp(String(error));
    }
  }

  #take(frame: Buffer): void {
    for (const { message, bytes } of this.#toEngine.push(frame)) {
      const { type } = message as FromChild;
      if (type === 'at') continue;
      if (type === 'limit' || type === 'broken' || type === 'host') this.#giveUp(type);
      this.#listener?.message(message, bytes);
    }
  }
}
