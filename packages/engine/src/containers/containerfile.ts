// Finds the images that a Containerfile names, so that each can be held against the policy and
// fetched before the build, which itself fetches nothing.

/** An image that a build needs, and the line that names it. */
export interface NamedImage {
  readonly name: string;
  readonly line: number;
}

/** A line that can't be understood before the build. */
export interface ContainerfileProblem {
  readonly line: number;
  readonly problem: string;
}

interface Instruction {
  readonly line: number;
  readonly keyword: string;
  readonly rest: string;
}

/**
 * The images, each once, in the order of the file. Names of stages and `scratch` are none.
 * @param given values of ARGs
 */
export function readImages(
  text: string,
  given: Readonly<Record<string, string>>,
): { readonly images: readonly NamedImage[] } | ContainerfileProblem {
  const images = new Map<string, NamedImage>();
  const stages = new Set<string>();
  const values = new Map<string, string>();
  let stageCount = 0;
  for (const { line, keyword, rest } of instructions(text)) {
    if (keyword === 'ARG' && stageCount === 0) readArguments(rest, given, values);
    const found = keyword === 'FROM' ? [fromImage(rest, values)] : sourceImages(keyword, rest);
    for (const image of found) {
      if ('problem' in image) return { line, problem: image.problem };
      const { name } = image;
      const isStage = stages.has(name.toLowerCase()) || /^\d+$/.test(name);
      if (name !== 'scratch' && !isStage && !images.has(name)) images.set(name, { name, line });
    }
    if (keyword === 'FROM') {
      stageCount += 1;
      const [, stage] = /\sAS\s+(\S+)\s*$/i.exec(rest) ?? [];
      if (stage !== undefined) stages.add(stage.toLowerCase());
    }
  }
  if (stageCount === 0) return { line: 1, problem: 'there is no FROM in it' };
  return { images: [...images.values()] };
}

/** The instructions with the lines that they go on in. */
function* instructions(text: string): Generator<Instruction> {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const [, mark = '\\'] = /^#\s*escape\s*=\s*(\\|`)\s*$/im.exec(directives(lines)) ?? [];
  let whole = '';
  let first = 0;
  for (const [index, line] of lines.entries()) {
    const isBlank = line.trim() === '' || line.trimStart().startsWith('#');
    if (isBlank && index < lines.length - 1) continue;
    if (whole === '') first = index + 1;
    const ends = isBlank || !line.trimEnd().endsWith(mark);
    if (!isBlank) whole += ends ? line : `${line.trimEnd().slice(0, -1)} `;
    if (!ends && index < lines.length - 1) continue;
    const [, keyword, rest = ''] = /^\s*(\w+)\s*(.*)$/s.exec(whole) ?? [];
    whole = '';
    if (keyword !== undefined) yield* unwrap(first, keyword.toUpperCase(), rest);
  }
}

/** The comments at the top, among which directives stand. */
function directives(lines: readonly string[]): string {
  const end = lines.findIndex((line) => !line.trimStart().startsWith('#'));
  return lines.slice(0, end === -1 ? lines.length : end).join('\n');
}

/** What ONBUILD holds counts as if it stood there itself. */
function* unwrap(line: number, keyword: string, rest: string): Generator<Instruction> {
  yield { line, keyword, rest };
  if (keyword !== 'ONBUILD') return;
  const [, inner, more = ''] = /^\s*(\w+)\s*(.*)$/s.exec(rest) ?? [];
  if (inner !== undefined) yield { line, keyword: inner.toUpperCase(), rest: more };
}

/** `NAME=default`, several of them; only those before the first FROM can stand in a FROM. */
function readArguments(
  rest: string,
  given: Readonly<Record<string, string>>,
  values: Map<string, string>,
): void {
  for (const [, name = '', quoted, single, plain] of rest.matchAll(
    /(\w+)(?:=(?:"([^"]*)"|'([^']*)'|(\S*)))?/g,
  )) {
    const fallback = quoted ?? single ?? plain;
    const value = Object.hasOwn(given, name) ? given[name] : fallback;
    if (value !== undefined) values.set(name, value);
  }
}

type Found = { readonly name: string } | { readonly problem: string };

function fromImage(rest: string, values: ReadonlyMap<string, string>): Found {
  const [word = ''] = rest.replace(/^(?:--\S+\s+)+/, '').split(/\s+/);
  if (word === '') return { problem: 'FROM names no image' };
  let missing: string | undefined;
  const name = word
    .replace(/^(["'])(.*)\1$/, '$2')
    .replaceAll(
      /\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]*))?\})/g,
      (_, plain: string | undefined, braced: string | undefined, operator, other = '') => {
        const key = plain ?? braced ?? '';
        const value = values.get(key);
        const there = value !== undefined && (value !== '' || !String(operator).startsWith(':'));
        if (operator?.endsWith('-')) return there ? (value ?? '') : other;
        if (operator?.endsWith('+')) return there ? other : '';
        if (value === undefined) missing ??= key;
        return value ?? '';
      },
    );
  if (missing !== undefined) {
    return { problem: `FROM ${word} needs a value for ${missing}` };
  }
  if (name === '' || name.includes('$')) {
    return { problem: `FROM ${word} can not be understood before the build` };
  }
  return { name };
}

/** What `--from` of COPY and ADD, and `from` of the mounts of RUN, name. */
function sourceImages(keyword: string, rest: string): Found[] {
  const words =
    keyword === 'COPY' || keyword === 'ADD'
      ? [...rest.matchAll(/(?:^|\s)--from=(\S+)/g)].map(([, name = '']) => name)
      : keyword === 'RUN'
        ? [...rest.matchAll(/(?:^|\s)--mount=(\S+)/g)].flatMap(([, mount = '']) =>
            [...mount.matchAll(/(?:^|,)"?from=([^,"]+)/g)].map(([, name = '']) => name),
          )
        : [];
  return words.map((word) => {
    const name = word.replace(/^(["'])(.*)\1$/, '$2');
    return name.includes('$')
      ? { problem: `${keyword} from ${name} can not be understood before the build` }
      : { name };
  });
}
