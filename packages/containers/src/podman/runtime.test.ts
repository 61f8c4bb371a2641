// Which flags a machine gets after which error, and that they are remembered.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { adaptFlags, PLAIN_FLAGS, recallFlags, rememberFlags } from './runtime.ts';

const MACHINE = { rootless: false, hasRunc: true, openFilesMax: 20_000, processesMax: 96_365 };
const RLIMIT =
  'Error: runc: runc create failed: error setting rlimit type 7: operation not permitted: OCI permission denied';
const CRUN_RLIMIT = 'Error: crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted';
const HYBRID =
  'Error: OCI runtime error: crun: cgroups in hybrid mode not supported, drop all controllers from cgroupv2';
const WARNING = 'WARNING: Support for seccomp is experimental';
const TUN = `Error: /usr/bin/slirp4netns failed: "open(\\"/dev/net/tun\\"): Permission denied\\n${WARNING}\\nchild failed(1)\\n${WARNING}\\n"`;

it('takes the limits of Rivet itself where they may not be raised', () => {
  for (const stderr of [RLIMIT, CRUN_RLIMIT]) {
    const flags = adaptFlags(PLAIN_FLAGS, stderr, MACHINE);
    expect(flags?.global).toEqual([]);
    expect(flags?.run).toEqual(['--ulimit=nofile=20000:20000', '--ulimit=nproc=32768:32768']);
  }
});

it('takes runc where crun does not work, with the limits it learned before', () => {
  const limits = adaptFlags(PLAIN_FLAGS, CRUN_RLIMIT, MACHINE) ?? PLAIN_FLAGS;
  const flags = adaptFlags(limits, HYBRID, MACHINE);
  expect(flags?.global).toEqual(['--runtime=runc']);
  expect(flags?.run).toEqual(limits.run);
  expect(flags?.reasons).toHaveLength(2);
});

it('does without cgroups as the last resort of an ordinary user', () => {
  const machine = { ...MACHINE, rootless: true, hasRunc: false };
  const manager = adaptFlags(PLAIN_FLAGS, HYBRID, machine) ?? PLAIN_FLAGS;
  expect(manager.global).toEqual(['--cgroup-manager=cgroupfs']);
  expect(adaptFlags(manager, HYBRID, machine)?.run).toEqual(['--cgroups=disabled']);
  expect(adaptFlags(manager, HYBRID, { ...machine, rootless: false })).toBeUndefined();
});

it('does without a network where Podman cannot make one, and says why', () => {
  const flags = adaptFlags(PLAIN_FLAGS, TUN, MACHINE);
  expect(flags?.run).toEqual(['--network=none']);
  expect(flags?.reasons[0]).toBe(
    'containers have no network: /usr/bin/slirp4netns failed: open("/dev/net/tun"): Permission denied; child failed(1)',
  );
  expect(adaptFlags(flags ?? PLAIN_FLAGS, TUN, MACHINE)).toBeUndefined();
});

it('knows no way around an error that is none of the machine', () => {
  expect(adaptFlags(PLAIN_FLAGS, 'Error: statfs /nope: no such file', MACHINE)).toBeUndefined();
});

it('remembers flags for one boot and user, and forgets what is no such file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-runtime-'));
  const file = join(directory, 'a/b/podman.json');
  const flags = { global: ['--runtime=runc'], run: [], reasons: ['why'] };
  try {
    expect(await recallFlags(file, 'key')).toBeUndefined();
    await rememberFlags(file, 'key', flags);
    expect(await recallFlags(file, 'key')).toEqual(flags);
    expect(await recallFlags(file, 'other')).toBeUndefined();
    const text = await readFile(file, 'utf8');
    for (const broken of [
      '',
      '[]',
      'null',
      text.slice(0, 30),
      text.replace('"--runtime=runc"', '1'),
    ]) {
      await writeFile(file, broken);
      expect(await recallFlags(file, 'key')).toBeUndefined();
    }
    // A directory in its place: nothing is remembered, and nothing fails.
    await rememberFlags(directory, 'key', flags);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
