// A program of tests that is killed: it runs command after command in a container, and notes in a
// file which one it began and which one it saw the end of.
import { appendFileSync } from 'node:fs';
import type { CommandSpec, ContainerSpec } from '../driver.ts';
import { createPodmanDriver } from '../podman/driver.ts';

/** The command with a number: it leaves one line in the file `ran` each time it runs. */
export function numberedCommand(number: number): CommandSpec {
  const script = 'echo "$N" >>/work/ran; echo "begin $N"; sleep 0.002; echo "end $N"; exit 7';
  const argv = ['sh', '-c', script];
  const env = { N: String(number) };
  return { id: `n-${number}`, argv, env, cwd: '/work', stdin: Buffer.from('x'), keep: true };
}

/** @param notes gets the lines `begin N` and `end N` */
async function runCommands(spec: ContainerSpec, notes: string, first: number): Promise<never> {
  const driver = createPodmanDriver();
  const container = (await driver.adopt(spec)) ?? (await driver.start(spec));
  for (let number = first; ; number += 1) {
    appendFileSync(notes, `begin ${number}\n`);
    const running = await container.run(numberedCommand(number), () => undefined);
    await running.exit;
    appendFileSync(notes, `end ${number}\n`);
    running.forget();
  }
}

const [spec, notes = '', first] = process.argv.slice(2);
if (import.meta.main && spec !== undefined) {
  await runCommands(JSON.parse(spec) as ContainerSpec, notes, Number(first));
}
