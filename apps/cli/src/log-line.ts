// What programs log, for somebody who reads it: they write JSON for machines.
import { parseJsonObject } from '@rivet/base';
import type { Style } from './output.ts';

/** A value that is no longer than this stands beside the message. */
const SHORT_LENGTH = 40;
/** What every line has, and nobody at a terminal needs. */
const SURROUNDINGS = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg']);

/** One line of a log in words; whatever else a program prints stays as it is. */
export function describeLogLine(line: string, style: Style): string {
  const entry = parseEntry(line);
  if (entry === undefined) return line;
  const beside: string[] = [];
  const below: string[] = [];
  for (const [key, value] of Object.entries(entry)) {
    if (SURROUNDINGS.has(key)) continue;
    const texts = (Array.isArray(value) ? value : [value]).map(textOf);
    const [text = ''] = texts;
    if (texts.length === 1 && text.length <= SHORT_LENGTH) beside.push(`${key}: ${text}`);
    else below.push(...texts.map((each) => `\n  ${key}: ${each}`));
  }
  const facts = beside.length === 0 ? '' : ` (${beside.join(', ')})`;
  return `${entry.name}: ${kindOf(entry.level, style)}${entry.msg}${facts}${below.join('')}`;
}

interface Entry {
  readonly level: number;
  readonly name: string;
  readonly msg: string;
}

function parseEntry(line: string): Entry | undefined {
  const value = parseJsonObject(line);
  const { level, name, msg } = (value ?? {}) as Partial<Entry>;
  const isEntry = typeof level === 'number' && typeof name === 'string' && typeof msg === 'string';
  return isEntry ? (value as unknown as Entry) : undefined;
}

/** Levels as our programs write them: the higher, the worse. */
function kindOf(level: number, style: Style): string {
  if (level >= 50) return style.red('error: ');
  if (level >= 40) return style.yellow('warning: ');
  return '';
}

/** Of an error what happened; where it was thrown is for machines and their logs. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const { message } = (value ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : JSON.stringify(value);
}
