// What became of a process, with all that it said.
import { expect, it } from 'vitest';
import { outcomeOf } from './outcome.ts';
import { type ProcessOptions, startProcess } from './spawn.ts';

const shell = (script: string, options: Partial<ProcessOptions> = {}) =>
  outcomeOf(
    startProcess({
      file: '/bin/sh',
      args: ['-c', script],
      env: { PATH: '/usr/bin:/bin' },
      ...options,
    }),
  );

it('has its end and each of its outputs as a whole', async () => {
  const script = 'i=0; while [ $i -lt 5000 ]; do echo ä$i; i=$((i+1)); done; echo no >&2; exit 3';
  const { code, signal, stdout, stderr } = await shell(script);
  expect({ code, signal, stderr }).toEqual({ code: 3, signal: null, stderr: 'no\n' });
  expect(stdout.split('\n')).toHaveLength(5001);
  expect(stdout.endsWith('ä4999\n')).toBe(true);
});

it('is empty where there is no pipe', async () => {
  const outcome = await shell('echo said; echo told >&2', { stderr: 'ignore' });
  expect(outcome).toMatchObject({ code: 0, stdout: 'said\n', stderr: '' });
});

it('says why a program could not be started', async () => {
  const outcome = await outcomeOf(startProcess({ file: '/nowhere/at/all' }));
  expect(outcome).toMatchObject({ code: null, stdout: '', stderr: '' });
  expect(outcome.error?.code).toBe('ENOENT');
});
