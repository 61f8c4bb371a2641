// What is kept of the output of a command.
import { splitText } from '@rivet/protocol';
import { expect, it } from 'vitest';
import { createLogWriter } from '../log/log-writer.ts';
import { createCommandOutput } from './command-output.ts';
import { commandRequest } from './command-request.ts';

const request = commandRequest('process.run', ['x'], {}, { check: false });

function collect() {
  const lines: string[] = [];
  const log = createLogWriter({
    bytesMax: 1e9,
    lines: ({ text }) => void lines.push(...splitText(text)),
    onFailure: () => {},
  });
  return {
    lines,
    output: createCommandOutput(request, { log, stage: 's', groups: [], author: 'b' }, () => {}),
  };
}

it('keeps the last lines of an output with long lines, in bounded memory', async () => {
  const log = createLogWriter({ bytesMax: 1e9, lines: () => {}, onFailure: () => {} });
  const output = createCommandOutput(
    request,
    { log, stage: 's', groups: [], author: 'b' },
    () => {},
  );
  for (let count = 0; count < 50; count += 1) {
    await output.sink('stdout', Buffer.from(`${count} ${'x'.repeat(50_000)}\n`));
  }
  const kept = output.recent(1000);
  expect(kept).toHaveLength(5);
  expect(kept.at(-1)).toMatch(/^49 x/);
  for (let count = 0; count < 3000; count += 1)
    await output.sink('stderr', Buffer.from(`${count}\n`));
  expect(output.recent(5000)).toHaveLength(1000);
  expect(output.recent(2, 'stderr')).toEqual(['2998', '2999']);
});

it('leaves out what comes after it has given up, and says so once', async () => {
  const { lines, output } = collect();
  await output.sink('stdout', Buffer.from('before\n'));
  output.giveUp();
  await output.sink('stdout', Buffer.from('after\n'));
  await output.sink('stderr', Buffer.from('after\n'));
  await output.end();
  expect(lines).toEqual(['before', expect.stringContaining('the rest of the output of x')]);
});

it('says nothing when nothing came after it has given up', async () => {
  const { lines, output } = collect();
  await output.sink('stdout', Buffer.from('all of it\nunfinished'));
  output.giveUp();
  await output.end();
  expect(lines).toEqual(['all of it', 'unfinished']);
});
