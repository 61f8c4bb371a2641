// Node, npm, git, the operating system and the disk.
import { access, constants, mkdir, readFile, statfs } from 'node:fs/promises';
import { arch, platform, release } from 'node:os';
import { describeThrown, formatSize } from '@rivet/base';
import { outcomeOf, startProcess } from '@rivet/processes';
import type { Environment } from '../config.ts';
import type { DoctorInput, Finding } from './findings.ts';

const NODE_MAJOR = 24;
const GIB = 1024 ** 3;
/** Less free space than this is told, in bytes; much less is a problem. */
const DISK_NOTE_BYTES = 5 * GIB;
const DISK_PROBLEM_BYTES = GIB / 2;
const PROGRAM_MS = 10_000;

export async function machineFindings({ env, config }: DoctorInput): Promise<Finding[]> {
  return [
    nodeFinding(process.versions.node),
    systemFinding(),
    await programFinding(
      'npm',
      env,
      'it is needed only to install and update Rivet',
      'Install npm, for example: apt-get install npm',
    ),
    await programFinding(
      'git',
      env,
      '"rivet run" then copies all files of a directory, the ignored ones too',
      'Install git, for example: apt-get install git',
    ),
    await diskFinding(config.dataDirectory),
    await namespacesFinding(),
  ];
}

/** @param version without the leading v */
export function nodeFinding(version: string): Finding {
  const ok = Number(version.split('.')[0]) >= NODE_MAJOR;
  return {
    subject: 'Node',
    level: ok ? 'ok' : 'problem',
    seen: `${version} at ${process.execPath}`,
    fix: ok ? undefined : 'Run "npm install" in the directory of Rivet, which brings Node 24.',
  };
}

function systemFinding(): Finding {
  const ok = platform() === 'linux';
  return {
    subject: 'System',
    level: ok ? 'ok' : 'problem',
    seen: `${platform()} ${release()} on ${arch()}`,
    fix: ok ? undefined : 'Containers need Linux: use a Linux machine or a virtual one.',
  };
}

async function programFinding(
  name: string,
  env: Environment,
  without: string,
  fix: string,
): Promise<Finding> {
  const child = startProcess({
    file: name,
    args: ['--version'],
    env,
    stdin: 'ignore',
    stderr: 'ignore',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), PROGRAM_MS);
  const { code, stdout } = await outcomeOf(child);
  clearTimeout(timer);
  if (code === 0) {
    return {
      subject: name,
      level: 'ok',
      seen: stdout.trim().split('\n', 1)[0] ?? '',
      fix: undefined,
    };
  }
  return { subject: name, level: 'note', seen: `not found: ${without}`, fix };
}

/** Free space where runs and the embedded database lie. */
export async function diskFinding(directory: string): Promise<Finding> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
    const { bavail, bsize, files, ffree } = await statfs(directory);
    const free = bavail * bsize;
    const noInodes = files > 0 && ffree < 1000;
    const seen = `${formatSize(free)} free in ${directory}${noInodes ? `, only ${ffree} inodes` : ''}`;
    const level =
      free < DISK_PROBLEM_BYTES || noInodes ? 'problem' : free < DISK_NOTE_BYTES ? 'note' : 'ok';
    const fix =
      level === 'ok'
        ? undefined
        : 'Free some space (podman image prune), or set RIVET_DATA_DIRECTORY to a larger disk.';
    return { subject: 'Disk', level, seen, fix };
  } catch (error) {
    return {
      subject: 'Disk',
      level: 'problem',
      seen: `${directory} cannot be used: ${describeThrown(error)}`,
      fix: 'Make it writable, or set RIVET_DATA_DIRECTORY to a directory that is.',
    };
  }
}

/** Rootless containers need user namespaces; root does not. */
async function namespacesFinding(): Promise<Finding> {
  const subject = 'User namespaces';
  if (process.getuid?.() === 0) {
    return { subject, level: 'ok', seen: 'not needed: you are root', fix: undefined };
  }
  const limit = await readNumber('/proc/sys/user/max_user_namespaces');
  const clone = await readNumber('/proc/sys/kernel/unprivileged_userns_clone');
  if (limit === 0 || clone === 0) {
    return {
      subject,
      level: 'problem',
      seen: 'switched off for ordinary users',
      fix:
        clone === 0
          ? 'As root: sysctl -w kernel.unprivileged_userns_clone=1'
          : 'As root: sysctl -w user.max_user_namespaces=15000',
    };
  }
  return {
    subject,
    level: 'ok',
    seen: `available (up to ${limit ?? 'any number'})`,
    fix: undefined,
  };
}

async function readNumber(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text.trim());
}
