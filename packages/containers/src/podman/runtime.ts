// Machines differ: finds the flags with which Podman starts containers on this one, and remembers
// them.
import { access, constants, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomically } from '@rivet/base';

/** Flags that this machine needs besides what a container asks for. */
export interface RuntimeFlags {
  /** Before the subcommand. */
  readonly global: readonly string[];
  /** Of `podman run`. */
  readonly run: readonly string[];
  /** Why, for `rivet doctor`; empty when Podman works as it is. */
  readonly reasons: readonly string[];
}

/** What the choice depends on. */
export interface Machine {
  readonly rootless: boolean;
  readonly hasRunc: boolean;
  /** Hard limits of this process; undefined is no limit. */
  readonly openFilesMax: number | undefined;
  readonly processesMax: number | undefined;
}

export const PLAIN_FLAGS: RuntimeFlags = { global: [], run: [], reasons: [] };

/** Stands among the flags where Podman cannot give containers a network. */
export const NO_NETWORK = '--network=none';

/** Kernels count threads against it; more than pid_max's default does no good. */
const PROCESSES_MAX = 32_768;

/**
 * The next flags to try after a container could not be started; undefined when nothing else is left
 * to try, or the error is none of the machine's.
 * @param stderr what Podman said
 */
export function adaptFlags(
  flags: RuntimeFlags,
  stderr: string,
  machine: Machine,
): RuntimeFlags | undefined {
  if (/rlimit/i.test(stderr) && !flags.run.some((flag) => flag.startsWith('--ulimit'))) {
    return {
      ...flags,
      run: [...flags.run, ...ulimitFlags(machine)],
      reasons: [
        ...flags.reasons,
        'resource limits may not be raised: containers get those of Rivet',
      ],
    };
  }
  if (/slirp4netns|pasta|netavark|aardvark|iptables|nftables/i.test(stderr)) {
    if (flags.run.includes(NO_NETWORK)) return undefined;
    return {
      ...flags,
      run: [...flags.run, NO_NETWORK],
      reasons: [...flags.reasons, `containers have no network: ${complaintIn(stderr)}`],
    };
  }
  if (/crun/i.test(stderr) && machine.hasRunc && !flags.global.includes('--runtime=runc')) {
    return {
      ...flags,
      global: [...flags.global, '--runtime=runc'],
      reasons: [...flags.reasons, `crun does not work here: ${complaintIn(stderr)}`],
    };
  }
  const manager = '--cgroup-manager=cgroupfs';
  if (/cgroup|systemd|dbus/i.test(stderr) && !flags.global.includes(manager)) {
    return {
      ...flags,
      global: [...flags.global, manager],
      reasons: [...flags.reasons, `systemd does not manage cgroups here: ${complaintIn(stderr)}`],
    };
  }
  const disabled = '--cgroups=disabled';
  if (/cgroup/i.test(stderr) && machine.rootless && !flags.run.includes(disabled)) {
    return {
      ...flags,
      run: [...flags.run, disabled],
      reasons: [
        ...flags.reasons,
        'no cgroups are delegated to this user: memory, cpus and pids cannot be limited',
      ],
    };
  }
  return undefined;
}

/** Looks at this process and the programs of this machine. */
export async function inspectMachine(path: string): Promise<Machine> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  return {
    rootless: process.getuid?.() !== 0,
    hasRunc: await isInPath('runc', path),
    openFilesMax: hardLimit(limits, 'Max open files'),
    processesMax: hardLimit(limits, 'Max processes'),
  };
}

/** The flags that worked last time; undefined when nothing usable is remembered for `key`. */
export async function recallFlags(file: string, key: string): Promise<RuntimeFlags | undefined> {
  try {
    const stored: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isStored(stored) && stored.key === key ? stored.flags : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the flags for the next process. Failing to does no harm but time. */
export async function rememberFlags(file: string, key: string, flags: RuntimeFlags): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFileAtomically(file, `${JSON.stringify({ key, flags }, undefined, 2)}\n`);
  } catch {
    // A full or read-only disk: the next process finds out anew.
  }
}

function ulimitFlags(machine: Machine): string[] {
  const processes = Math.min(machine.processesMax ?? PROCESSES_MAX, PROCESSES_MAX);
  const files = machine.openFilesMax ?? 1_048_576;
  return [`--ulimit=nofile=${files}:${files}`, `--ulimit=nproc=${processes}:${processes}`];
}

function hardLimit(limits: string, name: string): number | undefined {
  const line = limits.split('\n').find((candidate) => candidate.startsWith(name)) ?? '';
  const [, hard] = /\s(?:\d+|unlimited)\s+(\d+|unlimited)\s/.exec(line) ?? [];
  return hard === undefined || hard === 'unlimited' ? undefined : Number(hard);
}

async function isInPath(program: string, path: string): Promise<boolean> {
  for (const directory of [...path.split(':'), '/usr/sbin', '/sbin']) {
    try {
      await access(`${directory}/${program}`, constants.X_OK);
      return true;
    } catch {
      // Not here.
    }
  }
  return false;
}

function isStored(value: unknown): value is { key: string; flags: RuntimeFlags } {
  if (typeof value !== 'object' || value === null || !('key' in value) || !('flags' in value)) {
    return false;
  }
  const { flags } = value;
  if (typeof flags !== 'object' || flags === null) return false;
  return ['global', 'run', 'reasons'].every((field) => {
    const list: unknown = (flags as Record<string, unknown>)[field];
    return Array.isArray(list) && list.every((item) => typeof item === 'string');
  });
}

/** What the last line says, without the warnings in what it quotes of a helper of Podman's. */
function complaintIn(text: string): string {
  const line = (text.trim().split('\n').at(-1) ?? '').replace(/^Error:\s*/, '');
  const [, who, quoted] = /^(.* failed: )"(.*)"$/.exec(line) ?? [];
  if (who === undefined || quoted === undefined) return line.slice(0, 200);
  const said = quoted.replaceAll('\\"', '"').split('\\n');
  const complaints = said.filter((part) => part !== '' && !part.startsWith('WARNING:'));
  return `${who}${complaints.join('; ')}`.slice(0, 200);
}
