// A program of tests that is killed: it runs command after command in a container, and notes in a
// file which one it began, or made ready to begin, and which one it saw the end of.
import { appendFileSync } from 'node:fs';
import type { CommandSpec, ContainerSpec, NextCommand } from '../driver.ts';
import { createPodmanDriver } from '../podman/driver.ts';

/** How commands follow each other: told one by one, or each made ready while the one before runs. */
export type Pace = 'told' | 'prepared';

/** What a command ends with: after another code than 0 nothing begins by itself. */
export const EXIT_CODES: Readonly<Record<Pace, number>> = { told: 7, prepared: 0 };

/** The command with a number: it leaves one line in the file `ran` each time it runs. */
export function numberedCommand(number: number, pace: Pace): CommandSpec {
  const ends = `echo "end $N"; exit ${EXIT_CODES[pace]}`;
  const script = `echo "$N" >>/work/ran; echo "begin $N"; sleep 0.002; ${ends}`;
  const argv = ['sh', '-c', script];
  const env = { N: String(number) };
  return { id: `n-${number}`, argv, env, cwd: '/work', stdin: Buffer.from('x'), keep: true };
}

/** @param notes gets the lines `begin N` and `end N` */
async function runCommands(
  spec: ContainerSpec,
  notes: string,
  first: number,
  pace: Pace,
): Promise<never> {
  const driver = createPodmanDriver();
  const container = (await driver.adopt(spec)) ?? (await driver.start(spec));
  const ignore = (): void => undefined;
  let next: NextCommand | undefined;
  for (let number = first; ; number += 1) {
    if (next === undefined) appendFileSync(notes, `begin ${number}\n`);
    const command = numberedCommand(number, pace);
    const running = (await next?.begun) ?? (await container.run(command, ignore));
    next = undefined;
    if (pace === 'prepared') {
      appendFileSync(notes, `begin ${number + 1}\n`);
      next = await running.prepareNext(numberedCommand(number + 1, pace), ignore);
    }
    await running.exit;
    appendFileSync(notes, `end ${number}\n`);
    running.forget();
  }
}

const [spec, notes = '', first, pace] = process.argv.slice(2);
if (import.meta.main && spec !== undefined) {
  await runCommands(JSON.parse(spec) as ContainerSpec, notes, Number(first), pace as Pace);
}
