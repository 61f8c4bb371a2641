// What a person waits for: the start of `rivet`, a check, and a pipeline of one command.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { BASE_IMAGE, rivet, runCommand } from './command.ts';
import { alternate, type Benchmark, type Row, ratioAtMost, row, timed } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

const STAGES = 50;
const SWEPT_MS_MAX = 60_000;

const oneCommand = `
return pipeline.define({
  name = "bench",
  stages = { { name = "one", script = function() process.run({ "true" }) end } },
})`;

/** Written out stage by stage, as people write them. */
const manyStages = `
return pipeline.define({
  name = "bench",
  inputs = { target = { type = "string", default = "all" } },
  stages = {${Array.from(
    { length: STAGES },
    (_, index) => `
    {
      name = "stage-${index}",
      ${index === 0 ? '' : `needs = { "stage-${index - 1}" },`}
      timeout = "5m",
      script = function()
        process.run({ "make", "stage-${index}", input.get("target"), check = true })
        log.info("stage ${index} is done")
      end,
    },`,
  ).join('')}
  },
})`;

export const startBenchmark: Benchmark = {
  name: 'start',
  about: '`rivet --version`',
  run: (rounds) => besideNode(rounds, ['--version'], { name: '`rivet --version`', atMost: 1.5 }),
};

export const checkBenchmark: Benchmark = {
  name: 'check',
  about: `\`rivet check\` of a file of ${STAGES} stages`,
  run: (rounds) =>
    withFile(manyStages, (file) => {
      const promise = { name: `\`rivet check\`, ${STAGES} stages`, atMost: 3 };
      return besideNode(rounds, ['check', file], promise);
    }),
};

export const runBenchmark: Benchmark = {
  name: 'run',
  about: '`rivet run` of a pipeline with one command',
  run: (rounds) =>
    withFile(oneCommand, async (file) => {
      const { global, run } = await podmanFlags();
      const bare = [...global, 'run', '--rm', ...run, BASE_IMAGE, 'true'];
      const data = dirname(file);
      const args = ['run', file, '--empty', '--image', BASE_IMAGE];
      const measured = await alternate(
        rounds,
        async () => {
          const took = await timed(() => runCommand(rivet, args, { RIVET_DATA_DIRECTORY: data }));
          // What goes on behind it is not to be in the way of the peer.
          await waitUntilSwept(join(data, 'runs'));
          return took;
        },
        () => timed(() => runCommand('podman', bare)),
      );
      return row({
        name: '`rivet run`, one command, cold',
        against: 'podman run --rm IMAGE true',
        unit: 'ms',
        target: ratioAtMost(1.3),
        ...measured,
      });
    }),
};

/** Waits until the directories of all runs were removed. @throws when that takes too long */
async function waitUntilSwept(runs: string): Promise<void> {
  const endsAt = performance.now() + SWEPT_MS_MAX;
  while ((await readdir(runs)).length > 0) {
    if (performance.now() > endsAt) throw new Error(`${runs} has runs that nobody removes`);
    await pause(20);
  }
}

/** A command of `rivet` beside the least that a program of Node takes. */
async function besideNode(
  rounds: number,
  args: readonly string[],
  { name, atMost }: { name: string; atMost: number },
): Promise<Row> {
  const measured = await alternate(
    rounds,
    () => timed(() => runCommand(rivet, args)),
    () => timed(() => runCommand(process.execPath, ['-e', '0'])),
  );
  return row({ name, against: 'node -e 0', unit: 'ms', target: ratioAtMost(atMost), ...measured });
}

async function withFile<T>(source: string, use: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-'));
  try {
    const file = join(directory, 'pipeline.lua');
    await writeFile(file, source);
    return await use(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
