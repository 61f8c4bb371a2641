// Keeps the program within its CPU time and memory. Reaching a limit ends the process from inside,
// with the line it was on: nothing that the script can catch.
import { getHeapStatistics } from 'node:v8';
import fengari, { type LuaState } from '../../vendor/fengari/src/index.js';
import { send } from './channel.ts';
import { placeOf, tracebackOf } from './places.ts';

const { budget, STEPS } = fengari;

/**
 * Memory is measured once in so many looks at the clock, and after so many bytes of new strings.
 */
const LOOKS_PER_MEASURE = 8;
const CLAIMED_BYTES_MAX = 4 * 1024 * 1024;
/** How often the engine is told where a program is that goes on computing. */
const TELL_EVERY_US = 50_000;

/** Thrown, instead of ending the process, while a limited time was given to a part. */
export class OutOfTime extends Error {
  /** Nothing in the VM catches it. */
  readonly fatal = true;
}

let cpuMsMax = Number.POSITIVE_INFINITY;
let memoryBytesMax = Number.POSITIVE_INFINITY;
let startedUs = 0;
let toldUs = 0;
let baselineBytes = 0;
let looks = 0;
let claimedBytes = 0;
let partEndsUs: number | undefined;

/** From now on the program may use this much, above what the process uses now. */
export function setLimits(cpuMs: number, memoryBytes: number): void {
  cpuMsMax = cpuMs;
  memoryBytesMax = memoryBytes;
  baselineBytes = memoryBytesUsed();
  budget.check = check;
  budget.claim = claim;
  restartClock();
}

/** Lets a new program be loaded. */
export function liftLimits(): void {
  cpuMsMax = Number.POSITIVE_INFINITY;
  memoryBytesMax = Number.POSITIVE_INFINITY;
  claimedBytes = 0;
}

/** A host call was answered: CPU time counts from here, and what is hot. */
export function restartClock(): void {
  budget.answers += 1;
  startedUs = cpuUs();
  toldUs = startedUs;
}

/** Runs `part`, which is thrown out of the VM with `OutOfTime` after `cpuMs`. */
export function withinCpuTime(cpuMs: number, part: () => void): void {
  partEndsUs = cpuUs() + cpuMs * 1000;
  try {
    part();
  } finally {
    partEndsUs = undefined;
  }
}

function check(L: LuaState): void {
  budget.steps = STEPS;
  const now = cpuUs();
  if (now - startedUs > cpuMsMax * 1000) end('cpu', L);
  looks += 1;
  if (looks % LOOKS_PER_MEASURE === 0) measure(L, 0);
  if (now - toldUs > TELL_EVERY_US) {
    toldUs = now;
    send({ type: 'at', place: placeOf(L), traceback: tracebackOf(L) });
  }
  if (partEndsUs !== undefined && now > partEndsUs) throw new OutOfTime();
}

function claim(L: LuaState, bytes: number): void {
  claimedBytes += bytes;
  if (claimedBytes < CLAIMED_BYTES_MAX) return;
  claimedBytes = 0;
  measure(L, bytes);
  if (cpuUs() - startedUs > cpuMsMax * 1000) end('cpu', L);
}

function measure(L: LuaState, more: number): void {
  if (memoryBytesUsed() + more - baselineBytes <= memoryBytesMax) return;
  // Much of it may be garbage that was not collected yet.
  // Not when this is loaded: an image is made in a process that has no such function.
  (globalThis as { gc?: () => void }).gc?.();
  if (memoryBytesUsed() + more - baselineBytes > memoryBytesMax) end('memory', L);
}

function memoryBytesUsed(): number {
  const heap = getHeapStatistics();
  return heap.used_heap_size + heap.external_memory;
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** An allocation failed: the kernel's limit is reached. */
export function outOfMemory(L: LuaState): never {
  end('memory', L);
}

function end(limit: 'cpu' | 'memory', L: LuaState): never {
  send({ type: 'limit', limit, place: placeOf(L), traceback: tracebackOf(L) });
  process.exit(0);
}
