// Turns whatever ended a command into text on standard error and an exit code. The one place that
// does.
import { isRivetError, RivetError, toRivetError } from '@rivet/base';
import type { DefinitionIssue } from '@rivet/protocol';
import type { Environment } from './config.ts';
import type { Output } from './output.ts';

/** How an error is shown. */
export interface ErrorStyle {
  /** One JSON document instead of text, for whoever asked for `--json`. */
  readonly json: boolean;
}

/**
 * Prints an error and gives the exit code. RIVET_DEBUG=1 adds the stack and the causes.
 */
export async function reportError(
  thrown: unknown,
  output: Output,
  env: Environment,
  style: ErrorStyle,
): Promise<number> {
  const error = asRivetError(thrown);
  if (style.json) {
    output.note(JSON.stringify({ error: errorDocument(error) }));
  } else {
    const { red, bold, dim } = output.noteStyle;
    const issues = issuesOf(error);
    if (issues.length > 0) {
      const { renderIssues } = await import('@rivet/pipeline');
      output.note(renderIssues(issues, { error: red, dim, bold }));
    }
    output.note(`${red(bold('error:'))} ${error.message}`);
    for (const line of error.solve.split('\n')) output.note(`  ${line}`);
    output.note(dim(`  (${error.code})`));
  }
  if (env.RIVET_DEBUG === '1') output.note(stackOf(thrown));
  return error.entry.exit;
}

/** Whether errors are to be told as JSON; words after `--` are no options. */
export function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json');
}

/**
 * The single mistakes behind an error: those of a pipeline or its inputs, found here or by the
 * server.
 */
function issuesOf({ details }: RivetError): readonly DefinitionIssue[] {
  const found = details.issues ?? details.errors;
  if (!Array.isArray(found)) return [];
  return found.filter(
    (issue): issue is DefinitionIssue =>
      typeof issue === 'object' && issue !== null && 'path' in issue && 'message' in issue,
  );
}

/** The shape of an error in JSON: documented in docs/reference/cli.md. */
function errorDocument(error: RivetError): Record<string, unknown> {
  return {
    code: error.code,
    message: error.message,
    solve: error.solve,
    details: error.details,
  };
}

/** Errors of the operating system that a person can act on get a code of their own. */
function asRivetError(thrown: unknown): RivetError {
  if (isRivetError(thrown)) return thrown;
  if (!(thrown instanceof Error)) return toRivetError(thrown);
  const { code, path, syscall } = thrown as NodeJS.ErrnoException;
  const where = path ?? 'a file';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return RivetError.of('RIVET_CLI_DISK_FULL', { path: where }, thrown);
  }
  if ((code === 'ENOENT' || code === 'ENOTDIR') && path !== undefined) {
    return RivetError.of('RIVET_CLI_FILE_MISSING', { path }, thrown);
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const action = syscall ?? 'use';
    return RivetError.of('RIVET_CLI_FILE_DENIED', { action, path: where }, thrown);
  }
  return toRivetError(thrown);
}

function stackOf(thrown: unknown): string {
  const parts: string[] = [];
  let at: unknown = thrown;
  // A chain of causes can be a ring.
  for (let depth = 0; depth < 10 && at instanceof Error; depth += 1) {
    parts.push(at.stack ?? at.message);
    at = at.cause;
  }
  return parts.join('\ncaused by: ');
}
