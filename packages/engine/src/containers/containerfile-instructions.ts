// Reads the instructions of a Containerfile, each as one line.

export interface Instruction {
  /** The line that it begins in, from 1. */
  readonly line: number;
  /** In upper case. */
  readonly keyword: string;
  readonly rest: string;
}

/** A line that cannot be understood before the build. */
export interface ContainerfileProblem {
  readonly line: number;
  readonly problem: string;
}

export interface Instructions {
  readonly instructions: readonly Instruction[];
  /** What escapes a line end and other characters. */
  readonly mark: '\\' | '`';
}

const KEYWORDS = new Set(
  (
    'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL ' +
    'STOPSIGNAL USER VOLUME WORKDIR'
  ).split(' '),
);

/** What Podman takes for space at the begin of a line: all that Unicode does. */
const SPACE = /^[\s\u0085]+/;

/** A line that nothing can be made of is a problem: Podman might make something of it. */
export function readInstructions(text: string): Instructions | ContainerfileProblem {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const mark = escapeMark(lines);
  const continued = mark === '`' ? /`[ \t]*$/ : /\\[ \t]*$/;
  const instructions: Instruction[] = [];
  let whole = '';
  let first = 0;
  for (const [index, text] of lines.entries()) {
    const line = text.replace(SPACE, '');
    const isBlank = line === '' || line.startsWith('#');
    const isLast = index === lines.length - 1;
    if (isBlank && !isLast) continue;
    if (whole === '') first = index + 1;
    const goesOn = !isBlank && continued.test(text);
    // What follows comes without a space, and keeps its own.
    if (!isBlank) whole += (whole === '' ? line : text).replace(continued, '');
    if ((goesOn && !isLast) || whole === '') continue;
    const read = readInstruction(first, whole);
    if ('problem' in read) return read;
    if (continued.test(read.rest)) {
      return { line: first, problem: `it ends with ${mark}, and nothing follows` };
    }
    instructions.push(read);
    whole = '';
  }
  return { instructions, mark };
}

/** @param text without space before it */
export function readInstruction(line: number, text: string): Instruction | ContainerfileProblem {
  const [, word = '', rest = ''] = /^([A-Za-z]+)(?:[\t\v\f\r ]+(.*))?$/s.exec(text) ?? [];
  const keyword = word.toUpperCase();
  if (!KEYWORDS.has(keyword)) {
    const [start = ''] = text.split(/\s/);
    return { line, problem: `${JSON.stringify(start.slice(0, 40))} is no instruction` };
  }
  return { line, keyword, rest: rest.replace(/[\t\v\f\r ]+$/, '') };
}

/** A Containerfile with these instructions and nothing else, each in the line that it had. */
export function writeInstructions({ instructions, mark }: Instructions): string {
  const lines: string[] = mark === '`' ? ['# escape=`'] : [];
  for (const { line, keyword, rest } of instructions) {
    while (lines.length < line - 1) lines.push('');
    lines.push(`${keyword} ${rest}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Directives stand at the very top, before anything else. */
function escapeMark(lines: readonly string[]): Instructions['mark'] {
  for (const line of lines) {
    const [, name, value] = /^#[ \t]*(\w+)[ \t]*=[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() === 'escape') return value === '`' ? '`' : '\\';
  }
  return '\\';
}
