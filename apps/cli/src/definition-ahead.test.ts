// What a run is told of its file before it has looked itself.
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '@rivet/processes';
import type { PipelineDefinition } from '@rivet/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DefinitionAhead,
  listenForDefinition,
  type ToldDefinition,
} from './definition-ahead.ts';

const bundle = { main: 'a.lua', files: { 'a.lua': 'return 1' } };
const definition = { name: 'x', stages: [], inputs: [] } as unknown as PipelineDefinition;
const told: ToldDefinition = { bundle, definition };

let directory: string;
let path: string;
let reader: number;
let writer: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-ahead-'));
  path = join(directory, 'pipe');
  await startProcess({ file: 'mkfifo', args: [path], env: process.env, stdin: 'ignore' }).exit;
  const both = openSync(path, 'r+');
  reader = openSync(path, 'r');
  writer = openSync(path, 'w');
  closeSync(both);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** The reader is closed by whom it is given to. */
function listen(withinMs = 60_000): DefinitionAhead | undefined {
  return listenForDefinition({ RIVET_DEFINITION_PIPE: path }, { descriptor: reader, withinMs });
}

function tell(text: string): void {
  writeSync(writer, text);
  closeSync(writer);
}

describe('listenForDefinition', () => {
  it('gives what was told of these files, as often as it is asked', async () => {
    const ahead = listen();
    tell(`${JSON.stringify(told)}\n`);
    expect(await ahead?.(bundle)).toEqual(definition);
    expect(await ahead?.({ ...bundle })).toEqual(definition);
  });

  it('listens where the name leads by a link', async () => {
    await symlink(directory, join(directory, 'link'));
    const env = { RIVET_DEFINITION_PIPE: join(directory, 'link', 'pipe') };
    const ahead = listenForDefinition(env, { descriptor: reader });
    tell(`${JSON.stringify(told)}\n`);
    expect(await ahead?.(bundle)).toEqual(definition);
  });

  it('gives nothing of files that are other ones', async () => {
    const ahead = listen();
    tell(`${JSON.stringify(told)}\n`);
    expect(await ahead?.({ main: 'a.lua', files: { 'a.lua': 'return 2' } })).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['half of a line', JSON.stringify(told)],
    ['no JSON', 'no\n'],
    ['something else', '{}\n'],
  ])('gives nothing when it is told %s', async (_, text) => {
    const ahead = listen();
    tell(text);
    expect(ahead).toBeDefined();
    expect(await ahead?.(bundle)).toBeUndefined();
  });

  it('does not wait for ever', async () => {
    const ahead = listen(1);
    expect(await ahead?.(bundle)).toBeUndefined();
    closeSync(writer);
  });

  it('forgets the name, so that nothing it starts takes it for its own', () => {
    const env = { RIVET_DEFINITION_PIPE: join(directory, 'other') };
    expect(listenForDefinition(env, { descriptor: reader })).toBeUndefined();
    expect(env).toEqual({});
    closeSync(reader);
    closeSync(writer);
  });

  it('listens to nothing where no launcher has opened a pipe', () => {
    expect(listenForDefinition({})).toBeUndefined();
    closeSync(reader);
    closeSync(writer);
  });
});
