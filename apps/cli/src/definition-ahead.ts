// What the file of a run defines, told by a process that the launcher started beside this one: it
// is known when the command has been loaded, and not a Lua process later.
import { readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import type { PipelineBundle, PipelineDefinition } from '@rivet/protocol';

/** What is told, as one line of JSON. */
export interface ToldDefinition {
  /** The files it is the definition of. */
  readonly bundle: PipelineBundle;
  readonly definition: PipelineDefinition;
}

/** Gives the definition of a valid pipeline; undefined where nothing was told of these files. */
export type DefinitionAhead = (bundle: PipelineBundle) => Promise<PipelineDefinition | undefined>;

/** Where the launcher has opened the pipe. */
const DESCRIPTOR = 8;
/** That process may use 2 s of a processor; on a machine with much else to do they take longer. */
const TOLD_WITHIN_MS = 5_000;
const CHARACTERS_MAX = 64 * 1024 * 1024;

/**
 * Listens to the pipe that the launcher has named, and forgets the name.
 * @param withinMs how long, in milliseconds
 * @returns undefined where no launcher has opened one
 */
export function listenForDefinition(
  env: NodeJS.ProcessEnv,
  { descriptor = DESCRIPTOR, withinMs = TOLD_WITHIN_MS } = {},
): DefinitionAhead | undefined {
  const { RIVET_DEFINITION_PIPE: path } = env;
  delete env.RIVET_DEFINITION_PIPE;
  if (path === undefined || !isOpen(path, descriptor)) return undefined;
  const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
  const told = readLine(pipe, withinMs);
  return async (bundle) => {
    const found = parse(await told);
    return JSON.stringify(found?.bundle) === JSON.stringify(bundle) ? found?.definition : undefined;
  };
}

/** A descriptor may be another one where the variable is older than the process. */
function isOpen(path: string, descriptor: number): boolean {
  try {
    const opened = readlinkSync(`/proc/self/fd/${descriptor}`);
    // The launcher has removed the name, or is about to. It may have gone there by a link.
    return basename(opened).replace(/ \(deleted\)$/, '') === basename(path);
  } catch {
    return false;
  }
}

/** The first line; what there is of it when it ends early, takes too long or is too much. */
function readLine(pipe: Socket, withinMs: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const done = (): void => {
      clearTimeout(timer);
      pipe.destroy();
      resolve(text);
    };
    const timer = setTimeout(done, withinMs);
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
      if (chunk.endsWith('\n') || text.length > CHARACTERS_MAX) done();
    });
    pipe.on('error', done);
    pipe.on('close', done);
  });
}

function parse(line: string): ToldDefinition | undefined {
  if (!line.endsWith('\n')) return undefined;
  try {
    return JSON.parse(line) as ToldDefinition;
  } catch {
    return undefined;
  }
}
