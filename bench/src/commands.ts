// What a script waits for: commands in a container that is open, one by one and many at once.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BASE_IMAGE, rivet, runCommand } from './command.ts';
import { alternate, type Benchmark, type Row, ratioAtMost, row, timed } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

/** Commands in one measurement: the clock of a script ticks in milliseconds. */
const BATCH = 20;
const BRANCHES = 100;
/** `podman exec` at a time. */
const AT_ONCE = 8;
/** Each takes a quarter of a minute of `podman exec`. */
const PARALLEL_ROUNDS_MAX = 15;

const scriptOf = (body: string): string => `
return pipeline.define({
  name = "bench",
  stages = { { name = "many", script = function()
    process.run({ "true" })
    local start = time.now()
    ${body}
    log.info(string.format("bench %.3f", (time.now() - start) * 1000))
  end } },
})`;
const oneByOne = scriptOf(`for _ = 1, ${BATCH} do process.run({ "true", check = true }) end`);
const atOnce = scriptOf(`
    local branches = {}
    for i = 1, ${BRANCHES} do branches[i] = i end
    process.parallel(branches, function() process.run({ "true", check = true }) end)`);

export const commandBenchmark: Benchmark = {
  name: 'commands',
  about: '`process.run({ "true" })` in an open container, and 100 of them at once',
  async run(rounds) {
    const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-'));
    const name = `rivet-bench-${randomUUID()}`;
    const { global, run } = await podmanFlags();
    const exec = (): Promise<string> => runCommand('podman', [...global, 'exec', name, 'true']);
    try {
      const start = [...global, 'run', '--detach', '--name', name, ...run, BASE_IMAGE];
      await runCommand('podman', [...start, 'sleep', '3600']);
      const one = await alternate(
        rounds,
        async () => (await measureInScript(directory, oneByOne)) / BATCH,
        () => timed(exec),
      );
      const many = await alternate(
        Math.min(rounds, PARALLEL_ROUNDS_MAX),
        () => measureInScript(directory, atOnce),
        () => timed(() => manyTimes(BRANCHES, AT_ONCE, exec)),
      );
      return rowsOf(one, many);
    } finally {
      await runCommand('podman', [...global, 'rm', '--force', '--ignore', '--time', '0', name]);
      await rm(directory, { recursive: true, force: true });
    }
  },
};

type Measured = Awaited<ReturnType<typeof alternate>>;

function rowsOf(one: Measured, many: Measured): Row[] {
  return [
    row({
      name: 'one command in an open container',
      against: 'podman exec C true',
      unit: 'ms',
      target: ratioAtMost(0.04),
      ...one,
    }),
    row({
      name: `${BRANCHES} parallel branches of one command each`,
      against: `${BRANCHES} podman exec, ${AT_ONCE} at a time`,
      unit: 'ms',
      target: ratioAtMost(0.05),
      ...many,
    }),
  ];
}

async function manyTimes(
  count: number,
  atOnceMax: number,
  action: () => Promise<unknown>,
): Promise<void> {
  const numbers = Array.from({ length: count }).values();
  const next = async (): Promise<void> => {
    for (const _ of numbers) await action();
  };
  await Promise.all(Array.from({ length: atOnceMax }, next));
}

/** Milliseconds of its body, as the script itself measured them. */
async function measureInScript(directory: string, source: string): Promise<number> {
  const file = join(directory, 'pipeline.lua');
  await writeFile(file, source);
  const args = ['run', file, '--empty', '--image', BASE_IMAGE, '--json'];
  const output = await runCommand(rivet, args);
  const [, text] = /bench (\d+\.\d+)/.exec(output) ?? [];
  if (text === undefined) throw new Error(`the script did not say how long it took:\n${output}`);
  return Number(text);
}
