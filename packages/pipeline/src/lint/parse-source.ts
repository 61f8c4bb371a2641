// Lua source as a syntax tree. The Lua VM's own parser makes bytecode, which has no columns.
import luaparse, { type Chunk, type Node } from 'luaparse';

export interface ParsedSource {
  readonly file: string;
  readonly lines: readonly string[];
  readonly chunk: Chunk;
  readonly comments: readonly SourceComment[];
}

export interface SourceComment {
  readonly text: string;
  readonly line: number;
  /** Whether code stands on its line too. */
  readonly besideCode: boolean;
}

/**
 * Undefined for what the parser refuses: the Lua VM has said what is wrong with it, or takes what
 * this parser does not.
 */
export function parseSource(file: string, source: string): ParsedSource | undefined {
  // The parser works with bytes as Lua does: then escapes in strings mean what they mean to Lua.
  const bytes = Buffer.from(withoutFirstLine(source), 'utf8').toString('latin1');
  const options = { luaVersion: '5.3', locations: true, encodingMode: 'pseudo-latin1' } as const;
  let chunk: Chunk;
  try {
    chunk = luaparse.parse(bytes, { ...options, comments: true });
  } catch {
    return undefined;
  }
  const lines = source.split(/\r\n|\n\r|\n|\r/);
  return { file, lines, chunk, comments: commentsOf(chunk, lines) };
}

/** Without the byte order mark and what stands on a first line that begins with `#`, as Lua. */
function withoutFirstLine(source: string): string {
  return source.replace(/^\uFEFF/, '').replace(/^#[^\n\r]*/, '');
}

/** The types of the library keep comments in the tree but do not say what they are. */
interface CommentNode {
  readonly type: 'Comment';
  readonly value: string;
  readonly loc?: Node['loc'];
}

function commentsOf(chunk: Chunk, lines: readonly string[]): SourceComment[] {
  const nodes = (chunk.comments ?? []) as unknown as readonly CommentNode[];
  return nodes.flatMap(({ value, loc }) => {
    if (loc === undefined) return [];
    const { start, end } = loc;
    const bytes = Buffer.from(lines[start.line - 1] ?? '', 'utf8').toString('latin1');
    const after = end.line === start.line ? bytes.slice(end.column) : '';
    const besideCode = /\S/.test(bytes.slice(0, start.column) + after);
    return [{ text: textOf(value), line: start.line, besideCode }];
  });
}

/** The text of a string of the tree, whose characters are bytes. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Where a node begins: line and column in characters, both from 1. */
export function positionOf(
  source: ParsedSource,
  node: Node,
): { readonly line: number; readonly column: number } | undefined {
  if (node.loc === undefined) return undefined;
  const { line, column } = node.loc.start;
  const bytes = Buffer.from(source.lines[line - 1] ?? '', 'utf8').subarray(0, column);
  return { line, column: bytes.toString('utf8').length + 1 };
}
