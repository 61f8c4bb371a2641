// What a script waits for: one command in a container that is open already.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BASE_IMAGE, rivet, runCommand } from './command.ts';
import { alternate, type Benchmark, ratioAtMost, row, timed } from './measure.ts';
import { podmanFlags } from './podman-flags.ts';

/** Commands in one measurement: the clock of a script ticks in milliseconds. */
const BATCH = 10;

const commands = `
return pipeline.define({
  name = "bench",
  stages = { { name = "many", script = function()
    process.run({ "true" })
    local start = time.now()
    for _ = 1, ${BATCH} do process.run({ "true" }) end
    log.info(string.format("bench %.3f", (time.now() - start) * 1000 / ${BATCH}))
  end } },
})`;

export const commandBenchmark: Benchmark = {
  name: 'command',
  about: '`process.run({ "true" })` in an open container',
  async run(rounds) {
    const directory = await mkdtemp(join(tmpdir(), 'rivet-bench-'));
    const name = `rivet-bench-${randomUUID()}`;
    const { global, run } = await podmanFlags();
    try {
      const file = join(directory, 'pipeline.lua');
      await writeFile(file, commands);
      const start = [...global, 'run', '--detach', '--name', name, ...run, BASE_IMAGE];
      await runCommand('podman', [...start, 'sleep', '3600']);
      const measured = await alternate(
        rounds,
        () => measureInScript(file),
        () => timed(() => runCommand('podman', [...global, 'exec', name, 'true'])),
      );
      const target = ratioAtMost(0.04);
      return row({ name: 'command', against: 'podman exec', unit: 'ms', target, ...measured });
    } finally {
      await runCommand('podman', [...global, 'rm', '--force', '--ignore', '--time', '0', name]);
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** Milliseconds of one command, as the script itself measured it. */
async function measureInScript(file: string): Promise<number> {
  const args = ['run', file, '--empty', '--image', BASE_IMAGE, '--json'];
  const output = await runCommand(rivet, args);
  const [, text] = /bench (\d+\.\d+)/.exec(output) ?? [];
  if (text === undefined) throw new Error(`the script did not say how long it took:\n${output}`);
  return Number(text);
}
