// Collects the mistakes of a definition, each with its path and the line it stands on.
import { nearest } from '@rivet/base';
import type { SourcePosition } from '@rivet/lua';
import type { DefinitionIssue } from '@rivet/protocol';
import { showText } from './show-value.ts';

/**
 * Nobody reads on after this many mistakes, and a hostile file has a million: the search ends
 * there.
 */
export const ISSUES_MAX = 200;

export interface IssueSources {
  /** By path: `stages[2].needs[1]`. */
  readonly positions?: ReadonlyMap<string, SourcePosition> | undefined;
  readonly files?: Readonly<Record<string, string>> | undefined;
}

/** What is said about a mistake besides where it is. */
export interface IssueText {
  readonly message: string;
  readonly found?: string;
  readonly expected?: string;
  /** A misspelt name and the names that may have been meant. */
  readonly misspelt?: { readonly name: string; readonly known: Iterable<string> };
}

/** The path of a field: `stages[2].name`, `env["a b"]`. */
export function fieldPath(parent: string, key: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(key)) return `${parent}[${showText(key)}]`;
  return parent === '' ? key : `${parent}.${key}`;
}

/** The path of an item; `index` counts from 0 as JavaScript does, the path from 1 as Lua does. */
export function itemPath(parent: string, index: number): string {
  return `${parent}[${index + 1}]`;
}

export class IssueList {
  readonly #issues: DefinitionIssue[] = [];
  readonly #sources: IssueSources;
  #more = false;

  constructor(sources: IssueSources = {}) {
    this.#sources = sources;
  }

  get length(): number {
    return this.#issues.length;
  }

  /** Whether the search for more should end. */
  get full(): boolean {
    return this.#more;
  }

  add(path: string, text: IssueText): void {
    if (this.#issues.length >= ISSUES_MAX) {
      this.#more = true;
      return;
    }
    const { misspelt, ...said } = text;
    const near = misspelt === undefined ? undefined : nearest(misspelt.name, misspelt.known);
    this.#issues.push({
      path,
      ...said,
      ...(near === undefined ? {} : { nearest: near }),
      ...locate(this.#positionOf(path), this.#sources.files),
    });
  }

  /** The issues in the order of the file: by line, those without one first. */
  toArray(): DefinitionIssue[] {
    const sorted = [...this.#issues].sort(byLine);
    if (this.#more) {
      const message = `there are more mistakes than these ${ISSUES_MAX}; correct them to see the rest`;
      sorted.push({ path: '', message });
    }
    return sorted;
  }

  /** Where the path was written, or the nearest thing around it whose place is known. */
  #positionOf(path: string): SourcePosition | undefined {
    for (let at = path; ; at = parentPath(at)) {
      const position = this.#sources.positions?.get(at);
      if (position !== undefined || at === '') return position;
    }
  }
}

/** The fields of an issue that say where: file, line, column and the text of the line. */
export function locate(
  position: SourcePosition | undefined,
  files: Readonly<Record<string, string>> | undefined,
): Pick<DefinitionIssue, 'file' | 'line' | 'column' | 'source_line'> {
  if (position === undefined) return {};
  const { file, line, column } = position;
  const text = sourceLine(files, file, line);
  return {
    file,
    line,
    ...(column === undefined ? {} : { column }),
    ...(text === undefined ? {} : { source_line: text }),
  };
}

const SOURCE_LINE_LENGTH_MAX = 500;

/**
 * The text of a line that counts from 1, without its end; undefined for a line that is not there.
 */
function sourceLine(
  files: Readonly<Record<string, string>> | undefined,
  file: string,
  line: number,
): string | undefined {
  if (files === undefined || !Object.hasOwn(files, file)) return undefined;
  const text = files[file] ?? '';
  let start = 0;
  for (let number = 1; number < line; number += 1) {
    start = text.indexOf('\n', start) + 1;
    if (start === 0) return undefined;
  }
  const end = text.indexOf('\n', start);
  return text
    .slice(start, Math.min(end === -1 ? text.length : end, start + SOURCE_LINE_LENGTH_MAX))
    .replace(/\r$/, '');
}

function parentPath(path: string): string {
  const inner = path.replace(/(\.[A-Za-z0-9_]+|\[\d+\]|\["(?:[^"\\]|\\.)*"\])$/u, '');
  return inner === path ? '' : inner;
}

/** Orders issues as a reader goes through the files; those of no file come last. */
export function byLine(a: DefinitionIssue, b: DefinitionIssue): number {
  const [fileA = '\uffff', fileB = '\uffff'] = [a.file, b.file];
  if (fileA !== fileB) return fileA < fileB ? -1 : 1;
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
