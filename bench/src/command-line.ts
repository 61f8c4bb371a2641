// What a person waits for: the start of `rivet`, and a pipeline of one command.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BASE_IMAGE, rivet, runCommand } from './command.ts';
import { alternate, type Benchmark, ratioAtMost, row, timed } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

const oneCommand = `
return pipeline.define({
  name = "bench",
  stages = { { name = "one", script = function() process.run({ "true" }) end } },
})`;

export const startBenchmark: Benchmark = {
  name: 'start',
  about: '`rivet --version`',
  async run(rounds) {
    const measured = await alternate(
      rounds,
      () => timed(() => runCommand(rivet, ['--version'])),
      () => timed(() => runCommand(process.execPath, ['-e', '0'])),
    );
    const target = ratioAtMost(1.5);
    return row({ name: 'start', against: 'node -e 0', unit: 'ms', target, ...measured });
  },
};

export const runBenchmark: Benchmark = {
  name: 'run',
  about: '`rivet run` of a pipeline with one command',
  async run(rounds) {
    const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-'));
    try {
      const file = join(directory, 'pipeline.lua');
      await writeFile(file, oneCommand);
      const { global, run } = await podmanFlags();
      const bare = [...global, 'run', '--rm', ...run, BASE_IMAGE, 'true'];
      const measured = await alternate(
        rounds,
        () => timed(() => runCommand(rivet, ['run', file, '--empty', '--image', BASE_IMAGE])),
        () => timed(() => runCommand('podman', bare)),
      );
      const target = ratioAtMost(1.3);
      return row({ name: 'run', against: 'podman run --rm', unit: 'ms', target, ...measured });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
};
