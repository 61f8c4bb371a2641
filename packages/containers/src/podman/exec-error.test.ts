// What Podman's own words about a command that did not start mean.
import { expect, it } from 'vitest';
import { execArgs } from './exec-args.ts';
import { failedStart } from './exec-error.ts';

const RUNC = 'Error: runc: exec failed: unable to start container process: ';

it.each([
  [127, `${RUNC}exec: "x": executable file not found in $PATH: OCI runtime attempted`, 'not-found'],
  [127, `${RUNC}exec: "/x": stat /x: no such file or directory: OCI runtime`, 'not-found'],
  [126, `${RUNC}exec: "/etc": permission denied: OCI permission denied`, 'not-executable'],
  [127, `${RUNC}chdir to cwd ("/x") set in config.json failed: no such file or directory`, 'cwd'],
  [255, `Error: OCI runtime error: runc: chdir to cwd ("/x") set: not a directory`, 'cwd'],
  [127, 'Error: crun: executable file `x` not found in $PATH: No such file', 'not-found'],
  [125, 'Error: no container with name or ID "x" found: no such container', 'podman'],
])('tells why a command did not start: %i %s', (exitCode, stderr, expected) => {
  expect(failedStart(exitCode, `of the command\n${stderr}\n`)).toBe(expected);
});

it.each([
  [1, `${RUNC}executable file not found`],
  [127, 'sh: 1: x: not found'],
  [0, ''],
])('takes other ends for those of the command: %i %s', (exitCode, stderr) => {
  expect(failedStart(exitCode, stderr)).toBeUndefined();
});

it('keeps the values of variables off the command line', () => {
  const command = { id: 'c', argv: ['-x'], env: {}, cwd: '/', stdin: undefined };
  const env = { A: 'first', B: 'two\nlines' };
  const { args, variables, env: handedOn } = execArgs('name', command, env, '/file');
  expect(args.join(' ')).toBe('exec --workdir=/ --env-file=/file --env=B -- name -x');
  expect({ variables, handedOn }).toEqual({
    variables: 'A=first\n',
    handedOn: { B: 'two\nlines' },
  });
  for (const name of ['PATH', 'LD_PRELOAD', 'a.b', '# x']) {
    expect(() => execArgs('name', command, { [name]: 'two\nlines' }, '/file')).toThrow(/variable/);
  }
});
