// The agent in a shell of this machine, without a container around it.
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type HostProcess, startProcess } from '@rivet/processes';
import { vi } from 'vitest';
import type { CommandHost } from '../command-end.ts';
import { ControlDirectory } from '../control-directory.ts';

/** Where the agent finds programs. */
export const PATH = '/usr/local/bin:/usr/bin:/bin';

export interface ShellAgent {
  readonly control: ControlDirectory;
  readonly agent: HostProcess;
  /** What commands know of what would be their container. */
  readonly host: CommandHost;
  /** Ends it, and whatever it has started. */
  stop(): Promise<void>;
}

export interface ShellAgentOptions {
  /** A file that the agent writes its process id to before it starts: it is in that cgroup then. */
  readonly cgroupProcs?: string;
  readonly slots: boolean;
  /** Whether it finds no program at all. */
  readonly isBare?: boolean;
  /** Variables that every command has. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts the agent; resolves when it takes commands.
 * @param directory which is there, and empty
 * @param program the shell
 */
export async function startShellAgent(
  directory: string,
  program: string,
  { cgroupProcs = '/dev/null', slots, isBare = false, env = {} }: ShellAgentOptions,
): Promise<ShellAgent> {
  const control = await ControlDirectory.create(join(directory, 'control'), { slots });
  // By its name busybox knows what it is to be.
  const shell = join(directory, 'sh');
  await symlink(program, shell);
  await mkdir(join(directory, 'none'));
  const script = 'echo $$ >"$1"; shift; exec "$@"';
  const agent = startProcess({
    file: '/bin/sh',
    args: ['-c', script, 'sh', cgroupProcs, shell, join(control.path, 'in/agent')].concat(
      control.path,
      shell,
    ),
    env: { PATH: isBare ? join(directory, 'none') : PATH, IMAGE: 'of the image' },
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'ignore',
    group: true,
  });
  await vi.waitUntil(() => control.isAgentReady(), { timeout: 30_000, interval: 5 });
  await control.open();
  const host: CommandHost = {
    name: 'none',
    mainPid: agent.pid ?? 0,
    env,
    isEnding: async () => !agent.running,
    isAlive: async () => agent.running,
    describeEnd: async () => 'the agent ended',
    ranOutOfMemory: async () => false,
    countRefusals: () => 0,
    begunByItself: () => undefined,
  };
  const stop = async (): Promise<void> => {
    await agent.stop(0);
    await killRest(control.path);
    await control.close();
  };
  return { control, agent, host, stop };
}

/** In a container the kernel ends what the agent leaves; here its subshells are found and ended. */
async function killRest(path: string): Promise<void> {
  let looks = 0;
  const nothingIsLeft = async (): Promise<boolean> => {
    const rest: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (command.includes(path)) rest.push(pid);
    }
    for (const pid of rest) process.kill(Number(pid), 'SIGKILL');
    looks = rest.length === 0 ? looks + 1 : 0;
    // One that ended just after it had started another has no command line any more.
    return looks === 3;
  };
  await vi.waitUntil(() => nothingIsLeft().catch(() => false), { timeout: 30_000, interval: 50 });
}
