// What becomes of a command where the kernel refuses the agent a process, in each of its shells.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRivetError, uuidv7 } from '@rivet/base';
import { expect, it, vi } from 'vitest';
import { runCommand } from './running-command.ts';
import { type ShellAgent, startShellAgent } from './testing/shell-agent.ts';

/** Where cgroups that limit processes are made: of version 1, and of version 2. */
const HIERARCHIES = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'];
/** Processes that there is room for beside the agent: commands and slots begin with six each. */
const ROOM = [0, 1, 2, 3, 4, 5, 6, 7, 8, 16];
/** How often the command says a word on both its outputs: more than a pipe holds of each. */
const WORDS = 10_000;
/** It starts no process itself. */
const SCRIPT = `n=0; while [ $n -lt ${WORDS} ]; do echo word-$n; echo word >&2; n=$((n+1)); done`;

/** Undefined where this machine lets nobody limit processes. */
function makeGroup(): string | undefined {
  for (const hierarchy of HIERARCHIES) {
    const group = join(hierarchy, `rivet-test-${uuidv7()}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    if (existsSync(join(group, 'pids.max'))) return group;
    rmdirSync(group);
  }
  return undefined;
}

/** What ended counts until it was reaped. */
async function removeGroup(group: string): Promise<void> {
  const isEmpty = () => readFileSync(join(group, 'cgroup.procs'), 'utf8') === '';
  await vi.waitUntil(isEmpty, { timeout: 30_000, interval: 20 });
  rmdirSync(group);
}

async function run({ control, host }: ShellAgent, id: string): Promise<unknown> {
  const command = { id, argv: ['sh', '-c', SCRIPT], env: {}, cwd: '/', stdin: undefined };
  const words = { stdout: 0, stderr: 0 };
  try {
    const running = await runCommand(host, control, command, (stream, bytes) => {
      words[stream] += bytes.filter((byte) => byte === 10).length;
    });
    return { exitCode: (await running.exit).exitCode, ...words };
  } catch (error) {
    return isRivetError(error) ? error.code : error;
  }
}

/** What a command comes to with room for `room` processes, and one after that with all room. */
async function runWithRoom(program: string, slots: boolean, room: number, group: string) {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-refusals-'));
  const cgroupProcs = join(group, 'cgroup.procs');
  const agent = await startShellAgent(directory, program, { slots, cgroupProcs });
  const limit = join(group, 'pids.max');
  try {
    const has = Number(readFileSync(join(group, 'pids.current'), 'utf8'));
    writeFileSync(limit, String(has + room));
    const first = await run(agent, 'first');
    writeFileSync(limit, 'max');
    return { room, first, second: await run(agent, 'second') };
  } finally {
    writeFileSync(limit, 'max');
    await agent.stop();
    await removeGroup(group);
    await rm(directory, { recursive: true });
  }
}

const WHOLE = { exitCode: 0, stdout: WORDS, stderr: WORDS };
/** The second is bash, which says nothing while it asks the kernel again for 15 s. */
const REFUSED = ['RIVET_CONTAINER_PROCESS_REFUSED', 'RIVET_CONTAINER_AGENT_SILENT'];

it.for([
  { program: '/bin/dash', slots: false },
  { program: '/bin/dash', slots: true },
  { program: '/bin/busybox', slots: false },
  { program: '/bin/busybox', slots: true },
  { program: '/bin/bash', slots: false },
])(
  'a command has all its output or did not begin, in $program (slots: $slots)',
  async ({ program, slots }, { skip }) => {
    skip(!existsSync(program), `this machine has no ${program}`);
    const groups = ROOM.map(makeGroup);
    const found = await Promise.all(
      ROOM.map(async (room, index) => {
        const group = groups[index];
        return group && (await runWithRoom(program, slots, room, group));
      }),
    );
    const ends = found.filter((end) => end !== undefined && end !== '');
    skip(ends.length === 0, 'this machine lets nobody limit processes');
    for (const end of ends) {
      const first = REFUSED.includes(String(end.first)) ? end.first : WHOLE;
      expect(end).toEqual({ room: end.room, first, second: WHOLE });
    }
    // A slot may have been there before.
    if (!slots) expect(REFUSED).toContain(ends.at(0)?.first);
    expect(ends.at(-1)?.first).toEqual(WHOLE);
  },
);
