// Log lines as notes: warnings and errors with their cause, on one line, and nothing else.
import { expect, it } from 'vitest';
import { createNoteLogger } from './note-logger.ts';
import type { Output } from './output.ts';

it('createNoteLogger tells warnings and errors with the first line of their cause', () => {
  const notes: string[] = [];
  const logger = createNoteLogger({
    note: (text: string) => notes.push(text),
  } as unknown as Output);
  logger.debug({}, 'a');
  logger.info({}, 'b');
  logger.child({ job: 'x' }).error({ err: new Error('it is gone\nat line 1') }, 'not cleaned up');
  logger.warn({ fix: 'Install it.' }, 'Podman is old.');
  expect(notes).toEqual(['not cleaned up: it is gone', 'Podman is old. Install it.']);
});
