// Lets the virtual time of a job pass as soon as all that still runs in it waits for time to pass.
import { type HostCall, type LuaEngine, LuaFunction, type LuaHost, type LuaVm } from '@rivet/lua';
import { type Clock, sleepOn } from '../clock.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** Host calls that do nothing but wait for time to pass; all others work until they say so. */
const WAITING_CALLS: ReadonlySet<string> = new Set(['process.handle_wait', 'time.sleep']);

/** Host calls whose command may wait for time to pass. */
const COMMAND_CALLS: ReadonlySet<string> = new Set(['process.run', 'process.sh']);

/** The time of one job, and the Lua engine through which it is seen what the job does. */
export interface TimeLapse {
  readonly clock: VirtualClock;
  readonly lua: LuaEngine;
  /** Waits for time to pass, in a host call that otherwise ends by itself. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** The time for the commands of host calls: a call waits while its command does. */
  commandClock(current: () => HostCall | undefined): Clock;
  /** Time does not pass before this has settled. */
  hold<T>(work: Promise<T>): Promise<T>;
}

export function createTimeLapse(lua: LuaEngine, startMs: number): TimeLapse {
  const lapse = new Lapse(startMs);
  return {
    clock: lapse.clock,
    hold: (work) => lapse.hold(work),
    wait: (ms, signal) => lapse.wait(ms, signal),
    commandClock: (current) => lapse.commandClock(current),
    lua: {
      open: async (program, host, limits) =>
        lapse.watchVm(await lua.open(program, lapse.watchCalls(host), limits)),
      close: () => lua.close(),
    },
  };
}

class Lapse {
  readonly clock: VirtualClock;
  /** Ask whether a VM has come to rest; see `#rested`. */
  readonly #probes = new Set<() => Promise<void>>();
  /** Counts whatever happens. */
  #events = 0;
  #waiting = 0;
  #busy = 0;
  #passing = false;
  /** Calls with a command that work at this moment. */
  readonly #working = new Set<HostCall>();

  constructor(startMs: number) {
    this.clock = createVirtualClock(startMs, () => this.#event());
  }

  async hold<T>(work: Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work;
    } finally {
      this.#busy -= 1;
      this.#event();
    }
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    this.#busy -= 1;
    this.#waiting += 1;
    this.#event();
    try {
      await sleepOn(this.clock, ms, signal);
    } finally {
      this.#busy += 1;
      this.#waiting -= 1;
      this.#event();
    }
  }

  commandClock(current: () => HostCall | undefined): Clock {
    return {
      now: () => this.clock.now(),
      after: (ms, fire) => {
        const call = current();
        if (call === undefined || !this.#working.has(call)) return this.clock.after(ms, fire);
        let waits = true;
        const goOn = (): void => {
          if (!waits) return;
          waits = false;
          this.#waiting -= 1;
          this.#busy += 1;
          this.#event();
        };
        this.#working.delete(call);
        this.#busy -= 1;
        this.#waiting += 1;
        const cancel = this.clock.after(ms, () => {
          goOn();
          this.#working.add(call);
          fire();
        });
        this.#event();
        return () => {
          cancel();
          goOn();
          this.#working.add(call);
        };
      },
    };
  }

  watchCalls(host: LuaHost): LuaHost {
    return {
      call: async (call) => {
        if (COMMAND_CALLS.has(call.name)) {
          this.#working.add(call);
          return await this.hold(host.call(call)).finally(() => this.#working.delete(call));
        }
        if (!WAITING_CALLS.has(call.name)) return await this.hold(host.call(call));
        this.#waiting += 1;
        this.#event();
        try {
          return await host.call(call);
        } finally {
          this.#waiting -= 1;
          this.#event();
        }
      },
    };
  }

  /** The function that every pipeline returns besides its definition does nothing without texts. */
  watchVm(vm: LuaVm): LuaVm {
    let count = 0;
    return {
      get running() {
        return vm.running;
      },
      call: (fn, args, options) => vm.call(fn, args, options),
      close: () => vm.close(),
      end: () => vm.end(),
      hurry: (cpuMs, error) => vm.hurry(cpuMs, error),
      evaluate: async () => {
        const evaluation = await vm.evaluate();
        const [value] = evaluation.values;
        const matchAll =
          value !== null && typeof value === 'object' && 'match_all' in value
            ? value.match_all
            : undefined;
        if (matchAll instanceof LuaFunction) {
          this.#probes.add(async () => {
            if (!vm.running) return;
            count += 1;
            const branch = `at-rest-${count}`;
            // A VM that was closed meanwhile is at rest too.
            await vm.call(matchAll, [[]], { branch, hostCalls: 'refused' }).catch(() => {});
          });
        }
        return evaluation;
      },
    };
  }

  #event(): void {
    this.#events += 1;
    if (this.#passing || !this.#mayPass()) return;
    this.#passing = true;
    void this.#pass().finally(() => {
      this.#passing = false;
    });
  }

  async #pass(): Promise<void> {
    while (this.#mayPass()) {
      const before = this.#events;
      await this.#rested();
      if (before === this.#events && this.#mayPass()) this.clock.next();
    }
  }

  /** Somebody waits for time to pass, and nobody works. */
  #mayPass(): boolean {
    return this.#waiting > 0 && this.#busy === 0 && this.clock.waiting;
  }

  /**
   * A VM answers in the order in which it is asked and runs until every branch waits: once it has
   * answered, all host calls that earlier answers led to have been made.
   */
  async #rested(): Promise<void> {
    await turn();
    await Promise.all([...this.#probes].map((probe) => probe()));
    await turn();
  }
}

/** Resolves when all that could go on at once has gone on. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
