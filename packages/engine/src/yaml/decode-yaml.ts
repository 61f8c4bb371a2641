// Reads YAML 1.2 (core schema): maps with text keys, lists, scalars, and aliases up to a bound.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { YamlMistake, YamlValue } from './yaml-value.ts';

/** Lists and maps inside of each other at most. */
const DEPTH_MAX = 100;
/** Of the result, where what an alias stands for counts each time. */
const VALUES_MAX = 500_000;
const CHARACTERS_MAX = 4 * 1024 * 1024;
/** Keys and values of a value have at most these tags, whether written or not. */
const CORE_TAGS = new Set(
  ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`),
);

/** A mistake of the text. */
export class YamlError extends Error {
  readonly mistake: YamlMistake;

  constructor(mistake: YamlMistake) {
    super(mistake.reason);
    this.mistake = mistake;
  }
}

/** More than what one call may decode. */
export class YamlLimit extends Error {
  readonly limit: string;

  constructor(found: string, limit: string) {
    super(found);
    this.limit = limit;
  }
}

/**
 * The value of the only document of a text; with `all` the list of the values of its documents.
 * @throws YamlError, YamlLimit
 */
export function decodeYaml(text: string, all: boolean): YamlValue {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: '1.2',
    schema: 'core',
    intAsBigInt: true,
    prettyErrors: false,
    logLevel: 'silent',
    lineCounter: lines,
    // The library compares each key with every other; `Reader` does it in one step a key.
    uniqueKeys: false,
  });
  const values = (documents as Document.Parsed[]).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw mistakeAt(lines, error.pos[0], firstLine(error.message));
    const { version, explicit } = document.directives?.yaml ?? {};
    if (explicit === true && version !== '1.2') {
      throw mistakeAt(lines, 0, `the text says that it is YAML ${version}; expected 1.2`);
    }
    return new Reader(lines).read(document.contents);
  });
  if (all) return values;
  const second = documents[1] as Document.Parsed | undefined;
  if (second !== undefined) {
    const reason = `the text has ${values.length} documents, which yaml.decode_all reads; expected one`;
    throw mistakeAt(lines, second.range[0], reason);
  }
  return values[0] ?? null;
}

/** Reads the nodes of one document in their order, so that an anchor is known before its aliases. */
class Reader {
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Node>();
  /** Nodes that are being read: an alias to one of them would never end. */
  readonly #open = new Set<Node>();
  #values = 0;
  #characters = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  read(node: ParsedNode | Node | null, depth = 0): YamlValue {
    if (node === null) return null;
    this.#values += 1;
    if (this.#values > VALUES_MAX) throw new YamlLimit('has more values', `${VALUES_MAX} values`);
    if (isAlias(node)) return this.read(this.#target(node), depth);
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    this.#refuseTag(node);
    if (isScalar(node)) return this.#scalar(node);
    if (depth >= DEPTH_MAX) {
      throw this.#wrong(node, `it is nested deeper than ${DEPTH_MAX} levels`);
    }
    if (this.#open.has(node)) throw this.#wrong(node, 'an alias stands inside of what it names');
    this.#open.add(node);
    const value = isMap(node)
      ? this.#map(node, depth)
      : node.items.map((item) => this.read(item as Node, depth + 1));
    this.#open.delete(node);
    return value;
  }

  #map(map: YAMLMap, depth: number): YamlValue {
    const entries = new Map<string, YamlValue>();
    for (const { key, value } of map.items) {
      const name = this.#key(key as Node | null, map);
      if (entries.has(name)) {
        throw this.#wrong(key as Node, `the key ${show(name)} is there twice`);
      }
      entries.set(name, this.read(value as Node | null, depth + 1));
    }
    return { o: [...entries] };
  }

  /** Keys are text in Lua: `1: a` and `"1": a` are the same. */
  #key(node: Node | null, map: YAMLMap): string {
    const key = isAlias(node) ? this.#target(node) : node;
    if (!isScalar(key) || key.value === null) {
      throw this.#wrong(node ?? map, 'a key is no text, number or bool');
    }
    if (key.anchor !== undefined) this.#anchors.set(key.anchor, key);
    this.#refuseTag(key);
    const text = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
    this.#count(text);
    return text;
  }

  #scalar(node: Scalar): YamlValue {
    const { value } = node;
    if (typeof value === 'bigint') {
      const number = Number(value);
      if (String(number) === String(value) || BigInt(number) === value) return number;
      const reason = `the number ${show(node.source ?? '')} cannot be held exactly; write it in quotes`;
      throw this.#wrong(node, reason);
    }
    if (typeof value === 'number') {
      if (Number.isFinite(value)) return value;
      if (/\d/.test(node.source ?? '')) {
        throw this.#wrong(node, `the number ${show(node.source ?? '')} is too large`);
      }
      return { n: Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf' };
    }
    if (typeof value === 'string') {
      this.#count(value);
      if (!value.isWellFormed()) throw this.#wrong(node, 'half of a surrogate pair is no text');
      return value;
    }
    return value === true || value === false ? value : null;
  }

  #target(alias: Alias): Node {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      throw this.#wrong(
        alias,
        `the alias *${alias.source} has no anchor &${alias.source} before it`,
      );
    }
    return target;
  }

  #refuseTag(node: Node & { tag?: string }): void {
    const { tag } = node;
    if (tag === undefined || CORE_TAGS.has(tag) || tag === '!') return;
    throw this.#wrong(node, `the tag ${show(tag)} is not known`);
  }

  #count(text: string): void {
    this.#characters += text.length;
    if (this.#characters > CHARACTERS_MAX) {
      throw new YamlLimit('has more text', `${CHARACTERS_MAX} characters`);
    }
  }

  #wrong(node: Node, reason: string): YamlError {
    return mistakeAt(this.#lines, node.range?.[0] ?? 0, reason);
  }
}

function mistakeAt(lines: LineCounter, position: number, reason: string): YamlError {
  const { line, col } = lines.linePos(position);
  return new YamlError({ reason, line: Math.max(1, line), column: Math.max(1, col) });
}

function show(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** The words of the library, as they continue "yaml.decode: …". */
function firstLine(text: string): string {
  const [line = ''] = text.split('\n');
  const words = /^[A-Z][a-z]/.test(line) ? line.charAt(0).toLowerCase() + line.slice(1) : line;
  return words.length > 200 ? `${words.slice(0, 200)}…` : words;
}
