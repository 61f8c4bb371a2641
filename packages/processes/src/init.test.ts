// The script that a container's first process becomes, in every shell of this machine.
import { accessSync, constants } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { INIT_SCRIPT } from './init.ts';
import { type HostProcess, startProcess } from './spawn.ts';

/** `sh` is everywhere; which one it is differs. */
const shells = [
  ['/bin/sh'],
  ...[['/bin/dash'], ['/bin/bash'], ['/bin/busybox', 'sh']].filter(([file = '']) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }),
];

function startUnder(shell: readonly string[], script: string): HostProcess {
  const [file = '', ...words] = shell;
  return startProcess({
    file,
    args: [...words, '-c', INIT_SCRIPT, 'init', '/bin/sh', '-c', script],
    // Bash takes a first shell with a socket as its input for one of a remote login.
    env: { PATH: process.env.PATH, SHLVL: '1' },
  });
}

async function outputOf(child: HostProcess): Promise<string> {
  let text = '';
  for await (const part of child.stdout ?? []) text += String(part);
  return text;
}

/** Resolves when the program has said something; what it says later is read by nobody. */
function spoke(child: HostProcess): Promise<void> {
  return new Promise((resolve) => child.stdout?.once('data', () => resolve()));
}

describe.each(shells.map((shell) => ({ shell, name: shell.join(' ') })))(
  'under $name',
  ({ shell }) => {
    it.each([0, 7, 127, 130])('the exit code %i is passed on', async (code) => {
      expect((await startUnder(shell, `exit ${code}`).exit).code).toBe(code);
    });

    it('a program that a signal ended shows as 128 and its number, and nothing is printed', async () => {
      const child = startUnder(shell, 'kill -KILL $$');
      let stderr = '';
      child.stderr?.on('data', (part) => {
        stderr += String(part);
      });
      expect((await child.exit).code).toBe(128 + 9);
      expect(stderr).toBe('');
    });

    it('standard input is the program’s', async () => {
      const child = startUnder(shell, 'read -r line; echo "$line"');
      child.stdin?.end('words\n');
      expect(await outputOf(child)).toBe('words\n');
    });

    it.each(['SIGTERM', 'SIGHUP', 'SIGUSR1'] as const)('%s is passed on', async (signal) => {
      const name = signal.slice(3);
      const child = startUnder(
        shell,
        `trap 'exit 42' ${name}; echo ready; while :; do sleep 0.02; done`,
      );
      await spoke(child);
      child.kill(signal);
      expect((await child.exit).code).toBe(42);
    });

    it('a signal does not end the wait for a program that goes on', async () => {
      const child = startUnder(
        shell,
        'trap "heard=1" TERM; echo ready; until [ -n "$heard" ]; do sleep 0.02; done; exit 5',
      );
      await spoke(child);
      child.kill('SIGTERM');
      expect((await child.exit).code).toBe(5);
    });
  },
);
