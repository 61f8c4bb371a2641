// Gives code that runs in a simulated process the time, the chance and the disk of the simulation,
// through the same functions of Node that it calls anywhere; all other code has the real ones.
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import timersPromises from 'node:timers/promises';
import { replaceDisk } from './simulated-disk.ts';
import { never, SimulatedProcess } from './simulated-process.ts';
import type { Event } from './simulated-time.ts';

type Action = (...values: unknown[]) => void;

/** As much of a timer of Node as our programs use. */
class SimulatedTimer {
  readonly process: SimulatedProcess;
  event: Event;

  constructor(process: SimulatedProcess, event: Event) {
    this.process = process;
    this.event = event;
  }

  unref(): this {
    return this;
  }

  ref(): this {
    return this;
  }
}

const real = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval };
const realTimers = { ...timersPromises };

/** A turn of the real event loop. */
export function realTurn(): Promise<void> {
  return new Promise((resolve) => real.setImmediate(resolve));
}

/** To be called once, before any simulated process runs. */
export function replaceGlobals(): void {
  replaceTimers();
  replaceTimerPromises();
  replaceClocks();
  replaceChance();
  replaceDisk();
  syncBuiltinESMExports();
}

function replaceTimers(): void {
  const timeout = (action: Action, ms = 1, ...values: unknown[]): unknown => {
    const process = SimulatedProcess.current;
    if (process === undefined) return real.setTimeout(action, ms, ...values);
    return new SimulatedTimer(
      process,
      process.after(ms, () => action(...values)),
    );
  };
  const interval = (action: Action, ms = 1, ...values: unknown[]): unknown => {
    const process = SimulatedProcess.current;
    if (process === undefined) return real.setInterval(action, ms, ...values);
    const again = (): Event =>
      process.after(ms, () => {
        timer.event = again();
        action(...values);
      });
    const timer: SimulatedTimer = new SimulatedTimer(process, again());
    return timer;
  };
  const immediate = (action: Action, ...values: unknown[]): unknown => {
    const process = SimulatedProcess.current;
    if (process === undefined) return real.setImmediate(action, ...values);
    process.world.turns.waiting += 1;
    return real.setImmediate(() => {
      process.world.turns.waiting -= 1;
      if (process.isAlive) action(...values);
    });
  };
  const clear = (realClear: (timer: unknown) => void) => (timer: unknown) => {
    if (timer instanceof SimulatedTimer) timer.process.cancel(timer.event);
    else realClear(timer);
  };
  Object.assign(globalThis, {
    setTimeout: timeout,
    setInterval: interval,
    setImmediate: immediate,
    clearTimeout: clear(real.clearTimeout as (timer: unknown) => void),
    clearInterval: clear(real.clearInterval as (timer: unknown) => void),
  });
  const realSignal = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => {
    const process = SimulatedProcess.current;
    if (process === undefined) return realSignal(ms);
    const controller = new AbortController();
    process.after(ms, () => controller.abort(new DOMException('the time is up', 'TimeoutError')));
    return controller.signal;
  };
}

function replaceTimerPromises(): void {
  Object.assign(timersPromises, {
    setTimeout: (ms?: number, value?: unknown, options: { signal?: AbortSignal } = {}) => {
      const process = SimulatedProcess.current;
      if (process === undefined) return realTimers.setTimeout(ms, value, options);
      return simulatedSleep(process, ms ?? 1, value, options.signal);
    },
    setImmediate: (value?: unknown) => {
      const process = SimulatedProcess.current;
      if (process === undefined) return realTimers.setImmediate(value);
      return process.isAlive
        ? new Promise((resolve) => setImmediate(() => resolve(value)))
        : never();
    },
  });
}

function simulatedSleep<T>(
  process: SimulatedProcess,
  ms: number,
  value: T,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = (): void => {
      process.cancel(event);
      reject(signal?.reason);
    };
    const event = process.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve(value);
    });
    signal?.addEventListener('abort', stop, { once: true });
  });
}

function replaceClocks(): void {
  const realNow = Date.now.bind(Date);
  const realPerformance = performance.now.bind(performance);
  const simulated = (): number | undefined => SimulatedProcess.current?.world.time.nowMs;
  Date.now = () => simulated() ?? realNow();
  performance.now = () => simulated() ?? realPerformance();
}

function replaceChance(): void {
  const { randomBytes, randomFillSync, randomUUID } = crypto;
  const realRandom = Math.random.bind(Math);
  const fill = (process: SimulatedProcess, bytes: Buffer): Buffer => {
    for (let index = 0; index < bytes.length; index += 1) {
      bytes[index] = process.world.chance.below(256);
    }
    return bytes;
  };
  Math.random = () => {
    const process = SimulatedProcess.current;
    return process === undefined ? realRandom() : process.world.chance.below(2 ** 30) / 2 ** 30;
  };
  Object.assign(crypto, {
    randomBytes: (size: number) => {
      const process = SimulatedProcess.current;
      return process === undefined ? randomBytes(size) : fill(process, Buffer.alloc(size));
    },
    randomFillSync: (bytes: Buffer) => {
      const process = SimulatedProcess.current;
      if (process === undefined) return randomFillSync(bytes);
      process.refills += 1;
      return fill(process, bytes);
    },
    randomUUID: () => {
      const process = SimulatedProcess.current;
      if (process === undefined) return randomUUID();
      const hex = fill(process, Buffer.alloc(16)).toString('hex');
      const [a, b, c, d] = [
        hex.slice(0, 8),
        hex.slice(8, 12),
        hex.slice(13, 16),
        hex.slice(17, 20),
      ];
      return `${a}-${b}-4${c}-8${d}-${hex.slice(20)}`;
    },
  });
}
