// The errors of a program as RivetErrors, and as text for a person.
import { type Detail, formatDuration, formatSize, RivetError, toRivetError } from '@rivet/base';
import type { KnownNames } from './known-names.ts';
import { luaHint } from './lua-hint.ts';
import type { SourceLines } from './source-lines.ts';
import type { SourcePosition } from './values.ts';
import type { LuaLimits } from './vm.ts';
import type { WireError, WirePlace } from './wire/messages.ts';

/** Makes the errors of one program: knows its source. */
export class LuaFailures {
  readonly #source: SourceLines;
  readonly #limits: LuaLimits;
  readonly #names: KnownNames;

  /** @param names for hints about names that do not exist */
  constructor(source: SourceLines, limits: LuaLimits, names: KnownNames) {
    this.#source = source;
    this.#limits = limits;
    this.#names = names;
  }

  /** @param hostError what the host rejected with, when that ended the script */
  error(wire: WireError, hostError?: unknown): RivetError {
    const facts = this.#facts(wire.place, wire.traceback);
    const { message } = wire;
    if (wire.kind === 'host' && hostError !== undefined) return withFacts(hostError, facts);
    if (wire.kind === 'syntax') {
      const hint = luaHint('syntax', message, facts.source_line);
      const told = { ...facts, message, ...(hint === undefined ? {} : { hint }) };
      return RivetError.of('RIVET_LUA_SYNTAX', told);
    }
    if (wire.kind === 'refused') {
      return RivetError.of('RIVET_LUA_HOST_CALL_REFUSED', { ...facts, name: wire.name ?? '' });
    }
    if (wire.kind === 'value') {
      const { path = '', found = '', expected = '' } = wire;
      return RivetError.of('RIVET_LUA_VALUE', { ...facts, path, found, expected });
    }
    const hint = luaHint('error', message, facts.source_line, this.#names);
    const told = { ...facts, message, ...(hint === undefined ? {} : { hint }) };
    return RivetError.of('RIVET_LUA_ERROR', told);
  }

  limit(
    limit: 'cpu' | 'memory',
    place: WirePlace | null,
    traceback: readonly string[],
  ): RivetError {
    const facts = this.#facts(place, traceback);
    return limit === 'cpu'
      ? RivetError.of('RIVET_LUA_CPU_LIMIT', {
          ...facts,
          limit: formatDuration(this.#limits.cpuMs),
        })
      : RivetError.of('RIVET_LUA_MEMORY_LIMIT', {
          ...facts,
          limit: formatSize(this.#limits.memoryBytes),
        });
  }

  #facts(place: WirePlace | null, traceback: readonly string[]): Facts {
    if (place === null) return { where: 'Lua', traceback };
    const position = this.#source.position(place);
    const { file, line, column } = position;
    const sourceLine = this.#source.line(file, line);
    return {
      where: column === undefined ? `${file}:${line}` : `${file}:${line}:${column}`,
      position: column === undefined ? { file, line } : { file, line, column },
      ...(sourceLine === undefined ? {} : { source_line: sourceLine }),
      traceback,
    };
  }
}

interface Facts {
  readonly where: string;
  readonly position?: { file: string; line: number; column?: number };
  readonly source_line?: string;
  readonly traceback: readonly string[];
  readonly [key: string]: Detail | undefined;
}

function withFacts(hostError: unknown, facts: Facts): RivetError {
  const error = toRivetError(hostError);
  return RivetError.received(error.code, error.message, { ...error.details, ...facts });
}

/** Where an error says it happened, undefined when it does not. */
export function positionOf(error: RivetError): SourcePosition | undefined {
  const position = error.details.position;
  if (typeof position !== 'object' || position === null || !('file' in position)) return undefined;
  const { file, line, column } = position as Record<string, unknown>;
  if (typeof file !== 'string' || typeof line !== 'number') return undefined;
  return typeof column === 'number' ? { file, line, column } : { file, line };
}

/**
 * An error of a script as text of several lines: the message, the source line with a caret under
 * the column, the traceback and what to do.
 */
export function renderLuaError(error: RivetError): string {
  const position = positionOf(error);
  const lines = [error.message];
  const sourceLine = error.details.source_line;
  if (position !== undefined) {
    const column = position.column === undefined ? '' : `:${position.column}`;
    const where = `${position.file}:${position.line}${column}`;
    if (!error.message.startsWith(`${where}: `)) lines.push(`  at ${where}`);
    if (typeof sourceLine === 'string') lines.push(...excerpt(position, sourceLine));
  }
  const traceback = error.details.traceback;
  if (Array.isArray(traceback) && traceback.length > 1) {
    lines.push('traceback:', ...folded(traceback.map((frame) => `  ${String(frame)}`)));
  }
  const { hint } = error.details;
  lines.push(`hint: ${typeof hint === 'string' ? hint : error.solve}`);
  return lines.join('\n');
}

/** Frames that repeat, as those of a recursion do, as one line. */
function folded(frames: readonly string[]): string[] {
  const lines: string[] = [];
  let times = 1;
  frames.forEach((frame, at) => {
    if (frame === frames[at + 1]) {
      times += 1;
      return;
    }
    lines.push(times === 1 ? frame : `${frame} (${times} times)`);
    times = 1;
  });
  return lines;
}

function excerpt(position: SourcePosition, sourceLine: string): string[] {
  const number = String(position.line);
  const shown = `  ${number} | ${sourceLine.replaceAll('\t', ' ')}`;
  const { column } = position;
  if (column === undefined || column > sourceLine.length + 1) return [shown];
  return [shown, `  ${' '.repeat(number.length)} | ${' '.repeat(column - 1)}^`];
}
