// Turns an error of Lua into an issue: a syntax error, an uncaught error, a limit that was reached.
import { isRivetError, type RivetError } from '@rivet/base';
import type { DefinitionIssue } from '@rivet/protocol';
import { locate } from '../definition/issue-list.ts';

/**
 * The error as an issue of the pipeline file; undefined when the file is not at fault (a process that
 * could not be started, a defect).
 * @param files the bundle's, for the text of the line
 */
export function luaFailureIssue(
  error: unknown,
  files: Readonly<Record<string, string>>,
): DefinitionIssue | undefined {
  if (!isRivetError(error) || error.fault !== 'user') return undefined;
  const { details } = error;
  const position = positionOf(details);
  const { found, expected, source_line } = details;
  return {
    path: typeof details.path === 'string' ? details.path : '',
    message: typeof details.message === 'string' ? details.message : error.message,
    ...(typeof found === 'string' ? { found } : {}),
    ...(typeof expected === 'string' ? { expected } : {}),
    ...(typeof source_line === 'string' ? { source_line } : {}),
    ...locate(position, files),
  };
}

/** The position, given as one object or as fields of its own. */
function positionOf(
  details: RivetError['details'],
): { file: string; line: number; column?: number } | undefined {
  const { position } = details;
  const holder =
    position !== null && typeof position === 'object' && !Array.isArray(position)
      ? (position as Readonly<Record<string, unknown>>)
      : details;
  const { file, line, column } = holder;
  if (typeof file !== 'string' || typeof line !== 'number') return undefined;
  return { file, line, ...(typeof column === 'number' ? { column } : {}) };
}
