// An output that a test can read, as a pipe or as a terminal.
import { Writable } from 'node:stream';
import type { Environment } from '../config.ts';
import { createOutput, type Output } from '../output.ts';

export interface MemoryOutput {
  readonly output: Output;
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** @param options.terminal whether both streams say that they are terminals */
export function memoryOutput(
  options: { terminal?: boolean; columns?: number; env?: Environment } = {},
): MemoryOutput {
  const stdout = stream(options);
  const stderr = stream(options);
  const output = createOutput({
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: options.env ?? {},
  });
  return { output, stdout: stdout.text, stderr: stderr.text };
}

function stream({ terminal, columns }: { terminal?: boolean; columns?: number }) {
  let text = '';
  const writable = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const properties = {
    ...(terminal === true ? { isTTY: true } : {}),
    ...(columns === undefined ? {} : { columns }),
  };
  return { stream: Object.assign(writable, properties), text: () => text };
}
