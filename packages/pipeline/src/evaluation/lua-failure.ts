// Turns an error of Lua into an issue: a syntax error, an uncaught error, a limit that was reached.
import { isRivetError, type RivetError } from '@rivet/base';
import type { DefinitionIssue } from '@rivet/protocol';
import { locate } from '../definition/issue-list.ts';
import { labelOf } from '../definition/read-fields.ts';

/**
 * The error as an issue of the pipeline file; undefined when the file is not at fault (a process
 * that could not be started, a defect).
 * @param files the bundle's, for the text of the line
 */
export function luaFailureIssue(
  error: unknown,
  files: Readonly<Record<string, string>>,
): DefinitionIssue | undefined {
  if (!isRivetError(error) || error.fault !== 'user') return undefined;
  const { details } = error;
  const { source_line, hint } = details;
  return {
    ...describe(error),
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(typeof source_line === 'string' ? { source_line } : {}),
    ...locate(positionOf(details), files),
  };
}

/** What is wrong, without the place: the issue has it in fields of its own. */
function describe(error: RivetError): Pick<DefinitionIssue, 'path' | 'message' | 'expected'> {
  const { where, path, found, expected } = error.details;
  if (isRivetError(error, 'RIVET_LUA_VALUE') && typeof path === 'string') {
    const own = path.replace(/^1(\.definition)?\.?/, '');
    const rest = typeof expected === 'string' ? { expected } : {};
    return { path: own, message: `${labelOf(own)} is ${String(found)}`, ...rest };
  }
  const prefix = `${String(where)}: `;
  const { message } = error;
  const text = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  if (!isRivetError(error, 'RIVET_LUA_HOST_CALL_REFUSED')) return { path: '', message: text };
  return { path: '', message: text, expected: "the call in a function, such as a stage's script" };
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
