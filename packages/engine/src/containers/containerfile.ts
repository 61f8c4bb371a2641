// Finds the images that a Containerfile names, so that each can be held against the policy and
// fetched before the build, which itself fetches nothing; refuses what would lead a build out of
// it.
import {
  type ContainerfileProblem,
  type Instruction,
  readInstruction,
  readInstructions,
  writeInstructions,
} from './containerfile-instructions.ts';
import { mountSource } from './containerfile-mounts.ts';

/** An image that a build needs, and the line that names it. */
interface NamedImage {
  readonly name: string;
  readonly line: number;
}

export interface ReadContainerfile {
  /** Each once, in the order of the file. Names of stages and `scratch` are none. */
  readonly images: readonly NamedImage[];
  /** What is to be built: what was read, written so that there is one way to read it. */
  readonly text: string;
}

/** @param given values of ARGs */
export function readContainerfile(
  text: string,
  given: Readonly<Record<string, string>>,
): ReadContainerfile | ContainerfileProblem {
  const read = readInstructions(text);
  if ('problem' in read) return read;
  const file = new Containerfile(given);
  const checked: Instruction[] = [];
  for (const instruction of read.instructions) {
    const rest = file.check(instruction);
    if (typeof rest !== 'string') return { line: instruction.line, problem: rest.problem };
    checked.push({ ...instruction, rest });
  }
  if (file.stageCount === 0) return { line: 1, problem: 'there is no FROM in it' };
  const written = writeInstructions({ ...read, instructions: checked });
  return { images: [...file.images.values()], text: written };
}

/**
 * What is wrong with the instructions that a base image brings for those that are built on it:
 * nobody saw them before. They may name no image.
 */
export function triggerProblem(triggers: readonly string[]): string | undefined {
  for (const trigger of triggers) {
    const read = readContainerfile(`FROM scratch\n${trigger}`, {});
    if ('problem' in read) return read.problem;
    if (read.images.length > 0) return `it names the image ${read.images[0]?.name}`;
  }
  return undefined;
}

type Problem = { readonly problem: string };

class Containerfile {
  readonly images = new Map<string, NamedImage>();
  stageCount = 0;
  readonly #stages = new Set<string>();
  readonly #values = new Map<string, string>();
  readonly #given: Readonly<Record<string, string>>;

  constructor(given: Readonly<Record<string, string>>) {
    this.#given = given;
  }

  /** What stands after the keyword, with names of images as they were understood. */
  check({ line, keyword, rest }: Instruction): string | Problem {
    if (keyword === 'FROM') return this.#from(line, rest);
    if (keyword === 'ARG' && this.stageCount === 0) this.#readArguments(rest);
    if (keyword === 'ONBUILD') {
      const inner = readInstruction(line, rest);
      if ('problem' in inner) return inner;
      const checked = inner.keyword === 'FROM' ? undefined : this.check(inner);
      if (checked === undefined) return { problem: 'ONBUILD FROM is not possible' };
      return typeof checked === 'string' ? `${inner.keyword} ${checked}` : checked;
    }
    if (!['COPY', 'ADD', 'RUN'].includes(keyword)) return rest;
    const split = readFlags(keyword, rest);
    if ('problem' in split) return split;
    for (const flag of split.flags) {
      const problem = this.#flag(line, keyword, flag);
      if (problem !== undefined) return problem;
    }
    if (keyword === 'ADD' && leavesContext(split.words)) {
      return {
        problem:
          'ADD takes files of the context, and names them without variables; fetch others with http.download or in a RUN',
      };
    }
    return [...split.flags, split.words].join(' ');
  }

  #from(line: number, rest: string): string | Problem {
    const match = /^((?:--platform=[^\s"'\\`]+\s+)*)([^\s-]\S*)(?:\s+AS\s+(\S+))?$/i.exec(rest);
    if (match === null) {
      return {
        problem:
          rest === ''
            ? 'FROM names no image'
            : `FROM ${rest.slice(0, 100)} cannot be understood before the build`,
      };
    }
    const [, flags = '', word = '', stage] = match;
    const found = fromImage(word, this.#values);
    if ('problem' in found) return found;
    const problem = this.#use(line, `FROM ${found.name}`, found.name, false);
    if (problem !== undefined) return problem;
    this.stageCount += 1;
    if (stage === undefined) return flags + found.name;
    if (!/^[A-Za-z][\w.-]*$/.test(stage)) {
      return {
        problem: `the stage ${stage.slice(0, 100)} has not a name of letters, digits, "_", "." and "-"`,
      };
    }
    this.#stages.add(stage);
    return `${flags}${found.name} AS ${stage}`;
  }

  #flag(line: number, keyword: string, flag: string): Problem | undefined {
    const [, name = '', value = ''] = /^--([^=]*)=?(.*)$/s.exec(flag) ?? [];
    if (keyword === 'RUN') {
      if (name === 'network' && (value === 'none' || value === 'default')) return undefined;
      if (name !== 'mount')
        return { problem: `RUN has ${flag}; it takes --mount and --network=none` };
      const source = mountSource(value);
      if ('problem' in source) return source;
      if (source.from === undefined) return undefined;
      return this.#use(line, `RUN from ${source.from}`, source.from, true);
    }
    return name === 'from' ? this.#use(line, `${keyword} from ${value}`, value, true) : undefined;
  }

  /** @param mayCount whether a number stands for a stage */
  #use(line: number, what: string, name: string, mayCount: boolean): Problem | undefined {
    if (this.#stages.has(name) || (name === 'scratch' && !mayCount)) return undefined;
    if (mayCount && /^\d+$/.test(name) && Number(name) < this.stageCount) return undefined;
    const other = [...this.#stages].find((stage) => stage.toLowerCase() === name.toLowerCase());
    if (other !== undefined) return { problem: `${what}: the stage is called ${other}` };
    if (!/^[A-Za-z0-9._/:@[\]+-]+$/.test(name) || /^\d+$/.test(name)) {
      return { problem: `${what} cannot be understood before the build` };
    }
    if (!this.images.has(name)) this.images.set(name, { name, line });
    return undefined;
  }

  /** `NAME=default`, several of them; only those before the first FROM can stand in a FROM. */
  #readArguments(rest: string): void {
    for (const [, name = '', quoted, single, plain] of rest.matchAll(
      /(\w+)(?:=(?:"([^"]*)"|'([^']*)'|(\S*)))?/g,
    )) {
      const fallback = quoted ?? single ?? plain;
      const value = Object.hasOwn(this.#given, name) ? this.#given[name] : fallback;
      if (value !== undefined) this.#values.set(name, value);
    }
  }
}

/** Flags in any other spelling than the plain one might be read in another way by Podman. */
function readFlags(
  keyword: string,
  rest: string,
): { readonly flags: readonly string[]; readonly words: string } | Problem {
  const flags: string[] = [];
  let words = rest.replace(SPACE, '');
  for (;;) {
    const match = /^--[a-z][a-z-]*(?:=[^\s"'\\`]*)?(?=[\t\v\f\r ]|$)/.exec(words);
    if (match === null) break;
    flags.push(match[0]);
    words = words.slice(match[0].length).replace(SPACE, '');
  }
  if (!words.startsWith('--')) return { flags, words };
  const [flag = ''] = words.split(/\s/);
  return {
    problem: `${keyword} has ${flag.slice(0, 100)}: write flags without quotes and escapes`,
  };
}

const SPACE = /^[\s\u0085]+/;

/** Podman itself would fetch it, from wherever the machine can reach. */
function leavesContext(words: string): boolean {
  const plain = words.replaceAll(/["']/g, '');
  return (
    plain.includes('://') || /[$\\`]/.test(plain) || /(?:^|[\s[,])[^\s/]+@[^\s/]+:/.test(plain)
  );
}

type Found = { readonly name: string } | Problem;

function fromImage(word: string, values: ReadonlyMap<string, string>): Found {
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
    return { problem: `FROM ${word} cannot be understood before the build` };
  }
  return { name };
}
