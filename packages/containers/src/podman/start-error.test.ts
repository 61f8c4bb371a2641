// What a build says where a machine cannot hold its steps to limits.
import { describe, expect, it } from 'vitest';
import { stepLimit } from './start-error.ts';

const COMMAND = 'cat /sys/fs/cgroup/memory.max';
const STEP = `STEP 2/2: RUN ${COMMAND}\n`;
const FAILED = `Error: building at STEP "RUN ${COMMAND}": while running runtime: exit status 1\n`;
const memory = { memoryBytes: 64 * 1024 * 1024, cpus: undefined };

const startingWith = (said: string): string =>
  `${STEP}error running container: from /usr/bin/runtime creating container for [/bin/sh -c ${COMMAND}]: ${said}\n: exit status 1\n${FAILED}`;

const RUNC = startingWith(
  'time="2026-01-01T00:00:00Z" level=warning msg="unable to get oom kill count" error="no directory specified for memory.oom_control"\n' +
    'time="2026-01-01T00:00:00Z" level=error msg="runc create failed: unable to start container process: cannot set memory limit: container could not join or create cgroup"',
);
const CRUN = startingWith('opening file `memory.max` for writing: No such file or directory');

describe('limits that steps of a build cannot be held to', () => {
  it.each([
    [RUNC, 'cannot set memory limit: container could not join or create cgroup'],
    [CRUN, 'opening file `memory.max` for writing: No such file or directory'],
  ])('are told as those of containers are', (stderr, reason) => {
    const error = stepLimit(memory, stderr);
    expect(error?.code).toBe('RIVET_CONTAINER_LIMIT_UNSUPPORTED');
    expect(error?.message).toMatch(/^this machine cannot limit the memory of a container: /);
    expect(error?.message.endsWith(reason), error?.message).toBe(true);
    expect(error?.solve).toContain('Delegate the cgroup controllers');
  });

  it('are told of the CPUs where it is those', () => {
    const stderr = startingWith('cannot set cpu limit: container could not join or create cgroup');
    const error = stepLimit({ memoryBytes: undefined, cpus: 1 }, stderr);
    expect(error?.details).toMatchObject({ limit: 'the cpus' });
  });

  it.each([
    ['a step that failed by itself', memory, `${STEP}no memory: no such cgroup\n${FAILED}`],
    ['a command that is not there', memory, startingWith('exec: "/bin/sh": no such file')],
    ['a build without limits', { memoryBytes: undefined, cpus: undefined }, RUNC],
  ])('are not %s', (_, limits, stderr) => {
    expect(stepLimit(limits, stderr)).toBeUndefined();
  });
});
