// Lua source as a syntax tree. The Lua VM's own parser makes bytecode, which has no columns.
import luaparse, { type Chunk, type Node } from 'luaparse';

export interface ParsedSource {
  readonly file: string;
  readonly lines: readonly string[];
  readonly chunk: Chunk;
  /** Every node of the tree, and its comments: what stands in a node comes before it. */
  readonly nodes: readonly Node[];
  /** None where it was parsed without places. */
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
 * @param withPlaces whether nodes say where they are: takes twice as long
 */
export function parseSource(
  file: string,
  source: string,
  withPlaces: boolean,
): ParsedSource | undefined {
  // The parser works with bytes as Lua does: then escapes in strings mean what they mean to Lua.
  const bytes = Buffer.from(withoutFirstLine(source), 'utf8').toString('latin1');
  const nodes: Node[] = [];
  let chunk: Chunk;
  try {
    chunk = luaparse.parse(bytes, {
      luaVersion: '5.3',
      encodingMode: 'pseudo-latin1',
      locations: withPlaces,
      comments: withPlaces,
      onCreateNode: (node) => nodes.push(node),
    });
  } catch {
    return undefined;
  }
  const lines = source.split(/\r\n|\n\r|\n|\r/);
  return { file, lines, chunk, nodes, comments: commentsOf(chunk, lines) };
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
  const codeOf = createCodeSpans(lines);
  return nodes.flatMap(({ value, loc }) => {
    if (loc === undefined) return [];
    const { start, end } = loc;
    const { first, last } = codeOf(start.line);
    const besideCode = first < start.column || (end.line === start.line && last >= end.column);
    return [{ text: textOf(value), line: start.line, besideCode }];
  });
}

/** Where what is no blank begins and ends in a line, in bytes; looked for once in each line. */
function createCodeSpans(
  lines: readonly string[],
): (line: number) => { readonly first: number; readonly last: number } {
  const known = new Map<number, { readonly first: number; readonly last: number }>();
  return (line) => {
    const found = known.get(line);
    if (found !== undefined) return found;
    const bytes = Buffer.from(lines[line - 1] ?? '', 'utf8').toString('latin1');
    const first = bytes.length - bytes.trimStart().length;
    const span = { first, last: bytes.trimEnd().length - 1 };
    known.set(line, span);
    return span;
  };
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
  const text = source.lines[line - 1] ?? '';
  // As many bytes as characters: nothing to count, however long the line is.
  if (Buffer.byteLength(text) === text.length) return { line, column: column + 1 };
  const bytes = Buffer.from(text, 'utf8').subarray(0, column);
  return { line, column: bytes.toString('utf8').length + 1 };
}
