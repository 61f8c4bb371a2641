// Runs programs in Rivet's sandbox: the real process, with limits wide enough for a batch.
import {
  createLuaEngine,
  type LuaEngine,
  type LuaFunction,
  type LuaLimits,
  type LuaVm,
} from '../src/index.ts';

const LIMITS: LuaLimits = { cpuMs: 60_000, memoryBytes: 1024 * 1024 * 1024 };
const NO_HOST = {
  async call(): Promise<never> {
    throw new Error('a program of the differential test makes no host calls');
  },
};

export class Sandbox {
  readonly #engine: LuaEngine = createLuaEngine({ keepReady: false });
  readonly #driver: string;
  readonly #limits: LuaLimits;
  #program: Promise<{ vm: LuaVm; run: LuaFunction }> | undefined;

  constructor(driver: string, limits = LIMITS) {
    this.#driver = driver;
    this.#limits = limits;
  }

  /** What each program prints, as bytes in latin1; a limit that was reached is its error's code. */
  async run(sources: readonly string[]): Promise<string[]> {
    this.#program ??= this.#open();
    const { vm, run } = await this.#program;
    const bytes = sources.map((source) => new Uint8Array(Buffer.from(source, 'latin1')));
    try {
      const [outputs] = await vm.call(run, [bytes], { branch: `batch` });
      return (outputs as (string | Uint8Array)[]).map((output) =>
        Buffer.from(output as string).toString('latin1'),
      );
    } catch (error) {
      this.#program = undefined;
      await vm.close();
      const [only, ...others] = sources;
      if (only === undefined || others.length === 0) return [`the batch failed: ${String(error)}`];
      const half = Math.ceil(sources.length / 2);
      return [
        ...(await this.run(sources.slice(0, half))),
        ...(await this.run(sources.slice(half))),
      ];
    }
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }

  async #open(): Promise<{ vm: LuaVm; run: LuaFunction }> {
    const main = `local driver = (function() ${this.#driver}\nend)()
return function(sources)
  local outputs = {}
  for i, source in ipairs(sources) do outputs[i] = driver(source) end
  return outputs
end`;
    const program = {
      main: 'driver.lua',
      files: new Map([['driver.lua', main]]),
      modules: [],
      seed: 'seed',
      env: {},
    };
    const vm = await this.#engine.open(program, NO_HOST, this.#limits);
    const [run] = (await vm.evaluate()).values;
    return { vm, run: run as LuaFunction };
  }
}
