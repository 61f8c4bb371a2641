// What counts in a status file, which the container can write to.
import { expect, it } from 'vitest';
import { parseStatus, readStatus } from './status-file.ts';

const NOTHING = {
  taken: false,
  waitingPid: undefined,
  pid: undefined,
  supervisor: undefined,
  failed: undefined,
  exitCode: undefined,
  next: undefined,
  lost: false,
  refused: false,
  onlyWaited: false,
};

it('reads the lines of the agent', () => {
  expect(parseStatus('taken\nstarted 12 10\nexit 3\n')).toEqual({
    ...NOTHING,
    taken: true,
    pid: 12,
    supervisor: 10,
    exitCode: 3,
  });
  expect(parseStatus('waiting 7 6\n')).toEqual({
    ...NOTHING,
    waitingPid: 7,
    supervisor: 6,
    onlyWaited: true,
  });
  expect(parseStatus('waiting 7 6\nstarted 7 8\n')).toMatchObject({ pid: 7, supervisor: 8 });
  expect(parseStatus('taken\nfailed cwd\n')).toMatchObject({ failed: 'cwd' });
  expect(parseStatus('started 12 10\nlost\n')).toMatchObject({ lost: true, refused: false });
  expect(parseStatus('taken\nlost\n')).toMatchObject({ lost: true, refused: true });
});

it('takes an exit for none that was told of a command already lost', () => {
  expect(parseStatus('taken\nlost\n\nexit 0\n')).toMatchObject({ exitCode: undefined });
  expect(parseStatus('taken\n\nexit 0\nlost\n')).toMatchObject({ exitCode: 0, refused: false });
});

it.each([
  ['a line that is not complete yet', 'exit 1'],
  ['a number that no exit code has', 'exit 1000\n'],
  ['a negative number', 'exit -1\n'],
  ['something behind a number', 'exit 1 2\n'],
  ['an unknown failure', 'failed $(id)\n'],
  ['a process id that is too long', `started ${'9'.repeat(40)} 1\n`],
  ['bytes', '\0\xff\n'.repeat(500)],
])('takes no notice of %s', (_, text) => {
  expect(parseStatus(text)).toEqual(NOTHING);
});

it('counts a file as lost that is longer than all that the agent says', () => {
  const fileOf = (text: string) => ({
    read: (buffer: Uint8Array) => Buffer.from(buffer.buffer, buffer.byteOffset).write(text),
  });
  const long = 'x'.repeat(100_000);
  expect(readStatus(fileOf(`started 12 10\n${long}`))).toMatchObject({ pid: 12, lost: true });
  expect(readStatus(fileOf(`exit 3\n${long}`))).toMatchObject({ exitCode: 3 });
  expect(readStatus(fileOf('started 12 10\n'))).toMatchObject({ pid: 12, lost: false });
});

it.each([
  ['waiting 7 6\n\nexit 137\n', true],
  ['waiting 7 6\nlost\nlost\n', true],
  ['waiting 7 6\n\nstarted 7 6\n\nexit 0\n', false],
  ['waiting 7 6\nx\nstarted 7 6\n\nexit 0\n', false],
  ['waiting 7 6\nx\nexit 0\n', false],
  ['\nexit 0\n', false],
])('takes %j for a slot that began nothing: %s', (text, expected) => {
  expect(parseStatus(text).onlyWaited).toBe(expected);
});

it('knows who was told to begin only from right before the exit code 0', () => {
  expect(parseStatus('started 7 6\n\nnext slot.3\nexit 0\n')).toMatchObject({
    next: 'slot.3',
    exitCode: 0,
  });
  for (const text of [
    'next slot.3\n',
    'next slot.3\nexit 1\n',
    'next slot.3\nlost\nexit 0\n',
    'lost\nnext slot.3\nexit 0\n',
    'next ../x\nexit 0\n',
  ]) {
    expect(parseStatus(text).next).toBeUndefined();
  }
});

it('keeps to the first exit that was told, and to codes that exist', () => {
  expect(parseStatus('exit 3\nexit 0\n').exitCode).toBe(3);
  expect(parseStatus('exit 999\n').exitCode).toBe(255);
});
