// Says in sentences how two definitions differ: for a file that evaluates differently on the
// runner.
import type { PipelineDefinition } from '@rivet/protocol';
import { showValue } from './show-value.ts';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** More differences than this are counted, not listed. */
const DIFFERENCES_MAX = 50;

/**
 * What is another in `now` than it was in `before`; empty when they are the same. Key order is
 * nothing.
 */
export function diffDefinitions(before: PipelineDefinition, now: PipelineDefinition): string[] {
  const differences: string[] = [];
  compareFields('', plain(before), plain(now), differences);
  if (differences.length <= DIFFERENCES_MAX) return differences;
  const more = differences.length - DIFFERENCES_MAX;
  return [...differences.slice(0, DIFFERENCES_MAX), `${more} more differences are not listed`];
}

/** JSON as it comes back from the database, without absent fields. */
function plain(definition: PipelineDefinition): Json {
  return JSON.parse(JSON.stringify(definition));
}

function compare(path: string, before: Json, now: Json, differences: string[]): void {
  if (isNamedList(before) && isNamedList(now)) {
    compareNamed(path, before, now, differences);
  } else if (isRecord(before) && isRecord(now)) {
    compareFields(path, before, now, differences);
  } else if (JSON.stringify(before) !== JSON.stringify(now)) {
    differences.push(`${path} was ${show(before)} and is now ${show(now)}`);
  }
}

function compareFields(path: string, before: Json, now: Json, differences: string[]): void {
  if (!isRecord(before) || !isRecord(now)) return;
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const at = path === '' ? key : `${path}.${key}`;
    const was = Object.hasOwn(before, key) ? before[key] : undefined;
    const is = Object.hasOwn(now, key) ? now[key] : undefined;
    if (was === undefined) differences.push(`${at} is new: ${show(is ?? null)}`);
    else if (is === undefined) differences.push(`${at} is gone; it was ${show(was)}`);
    else compare(at, was, is, differences);
  }
}

interface Named {
  readonly name: string;
  readonly [key: string]: Json;
}

/** Stages and inputs: compared by name, so that one more does not move all the others. */
function compareNamed(
  path: string,
  before: readonly Named[],
  now: readonly Named[],
  differences: string[],
): void {
  const old = new Map(before.map((item) => [item.name, item]));
  const fresh = new Map(now.map((item) => [item.name, item]));
  for (const [name, item] of old) {
    const other = fresh.get(name);
    if (other === undefined) differences.push(`${path}: ${show(name)} is gone`);
    else compareFields(`${path}[${show(name)}]`, item, other, differences);
  }
  for (const name of fresh.keys()) {
    if (!old.has(name)) differences.push(`${path}: ${show(name)} is new`);
  }
  const oldOrder = [...old.keys()].filter((name) => fresh.has(name));
  const newOrder = [...fresh.keys()].filter((name) => old.has(name));
  if (JSON.stringify(oldOrder) !== JSON.stringify(newOrder)) {
    differences.push(`${path} were in the order ${list(oldOrder)} and are now ${list(newOrder)}`);
  }
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function isNamedList(value: Json): value is readonly Named[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isRecord(item) && typeof item.name === 'string')
  );
}

function show(value: Json): string {
  if (!Array.isArray(value)) return value === null ? 'not set' : showValue(value);
  return value.length <= 8 ? `[${value.map(show).join(', ')}]` : showValue(value);
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown}, …` : shown;
}
