// Messages of a Lua process, checked: a script that took over its process must not harm the engine.
import type { FromChild, WireError, WirePlace, WireValue } from './messages.ts';

const TRACEBACK_MAX = 200;
const KINDS = ['error', 'syntax', 'value', 'refused', 'host'];

/**
 * The message, when it is one.
 * @throws RangeError that says what is wrong with it
 */
export function messageFrom(raw: unknown): FromChild {
  const message = record(raw, 'message');
  switch (message.type) {
    case 'ready':
      return { type: 'ready' };
    case 'done':
      return {
        type: 'done',
        id: count(message.id),
        values: list(message.values) as WireValue[],
        positions: list(message.positions).map(positionFrom),
      };
    case 'failed':
      return { type: 'failed', id: count(message.id), error: errorFrom(message.error) };
    case 'host':
      return {
        type: 'host',
        call: count(message.call),
        branch: text(message.branch),
        sequence: count(message.sequence),
        name: text(message.name),
        args: list(message.args) as WireValue[],
        place: placeFrom(message.place),
      };
    case 'foreseen':
      return {
        type: 'foreseen',
        branch: text(message.branch),
        sequence: count(message.sequence),
        name: text(message.name),
        args: list(message.args) as WireValue[],
        place: placeFrom(message.place),
      };
    case 'limit':
      return {
        type: 'limit',
        limit: message.limit === 'cpu' ? 'cpu' : 'memory',
        place: placeFrom(message.place),
        traceback: tracebackFrom(message.traceback),
      };
    case 'at':
      return {
        type: 'at',
        place: placeFrom(message.place),
        traceback: tracebackFrom(message.traceback),
      };
    case 'broken':
      return { type: 'broken', reason: text(message.reason) };
    default:
      throw new RangeError('an unknown type');
  }
}

function errorFrom(raw: unknown): WireError {
  const error = record(raw, 'error');
  const kind = text(error.kind);
  if (!KINDS.includes(kind)) throw new RangeError('an unknown kind of error');
  return {
    kind: kind as WireError['kind'],
    message: text(error.message),
    place: placeFrom(error.place),
    traceback: tracebackFrom(error.traceback),
    ...(error.error === undefined ? {} : { error: count(error.error) }),
    ...optionalText(error, 'name'),
    ...optionalText(error, 'path'),
    ...optionalText(error, 'found'),
    ...optionalText(error, 'expected'),
  };
}

function optionalText(from: Record<string, unknown>, key: string): Record<string, string> {
  return from[key] === undefined ? {} : { [key]: text(from[key]) };
}

function positionFrom(raw: unknown): readonly [string, WirePlace] {
  const [path, place] = list(raw);
  const position = placeFrom(place);
  if (position === null) throw new RangeError('a position without a place');
  return [text(path), position];
}

function placeFrom(raw: unknown): WirePlace | null {
  if (raw === null) return null;
  const [file, line, column] = list(raw);
  return [text(file), count(line), column === 0 ? 0 : count(column)];
}

function tracebackFrom(raw: unknown): string[] {
  return list(raw).slice(0, TRACEBACK_MAX).map(text);
}

function record(raw: unknown, what: string): Record<string, unknown> {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw new RangeError(`a ${what} that is no object`);
  }
  return raw as Record<string, unknown>;
}

function list(raw: unknown): unknown[] {
  if (!Array.isArray(raw)) throw new RangeError('a list that is none');
  return raw;
}

function text(raw: unknown): string {
  if (typeof raw !== 'string') throw new RangeError('a text that is none');
  return raw;
}

function count(raw: unknown): number {
  if (!Number.isSafeInteger(raw) || (raw as number) < 1)
    throw new RangeError('a number from 1 that is none');
  return raw as number;
}
