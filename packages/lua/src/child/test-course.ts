// Runs programs in this very process for tests, one message after the other, and keeps what they
// say.
import type { ExpectedAnswer, LuaModuleSpec } from '../vm.ts';
import { FRAME_BYTES_MAX, FrameReader } from '../wire/frames.ts';
import type { FromChild, ToChild, WireValue } from '../wire/messages.ts';
import { wireProgram } from '../wire/wire-program.ts';
import { divert } from './channel.ts';
import { liftLimits } from './limits.ts';
import { Program } from './program.ts';

type SaidCall = Extract<FromChild, { type: 'host' }>;
type SaidForeseen = Extract<FromChild, { type: 'foreseen' }>;
/** What a call is answered with; a text is the message of a failure. */
export type TestAnswer = (call: SaidCall) => readonly WireValue[] | string;

const LIMITS = { cpuMs: 60_000, memoryBytes: 2 ** 40 };

/** What a script did: its calls, each with the one that was foreseen while it was under way. */
export interface Course {
  readonly calls: readonly { readonly call: SaidCall; readonly next: SaidForeseen | undefined }[];
  readonly end: Extract<FromChild, { type: 'done' | 'failed' }>;
}

/** Runs the body of a function as the branch `main`. */
export function courseOf(
  body: string,
  modules: readonly LuaModuleSpec[],
  expected: Readonly<Record<string, ExpectedAnswer>>,
  answer: TestAnswer,
): Course {
  const source = `return function(...) ${body}\nend`;
  const files = new Map([['main.lua', source]]);
  const spec = { main: 'main.lua', files, modules, seed: 'seed', env: {}, expected };
  // Also what takes long says so, at any time: the pipe of this process is none of an engine's.
  divert(drop);
  const wire = wireProgram(spec, LIMITS);
  const program = new Program(wire);
  program.load(wire);
  const waiting: ToChild[] = [];
  const calls: { call: SaidCall; next: SaidForeseen | undefined }[] = [];
  let end: Course['end'] | undefined;
  const hear = (said: FromChild): void => {
    if (said.type === 'host') {
      calls.push({ call: said, next: undefined });
      waiting.push(answerTo(said, answer(said)));
    } else if (said.type === 'foreseen') {
      const last = calls.at(-1);
      if (last === undefined || last.next !== undefined) throw new Error('foreseen twice');
      last.next = said;
    } else if (said.type === 'done' || said.type === 'failed') end = said;
  };
  try {
    tell(program, { type: 'evaluate', id: 1 }, hear);
    const main = { branch: 'main', hostCalls: true, truth: false };
    tell(program, { type: 'call', id: 2, fn: 1, args: [], ...main }, hear);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      tell(program, next, hear);
    }
  } finally {
    liftLimits();
  }
  if (end === undefined) throw new Error('the script did not end');
  return { calls, end };
}

function answerTo({ call }: SaidCall, answer: readonly WireValue[] | string): ToChild {
  if (typeof answer !== 'string') return { type: 'result', call, values: answer };
  return { type: 'failure', call, message: answer, error: 1 };
}

function tell(program: Program, message: ToChild, hear: (said: FromChild) => void): void {
  const reader = new FrameReader(FRAME_BYTES_MAX);
  divert((frame) => {
    for (const { message: said } of reader.push(frame)) hear(said as FromChild);
  });
  try {
    program.handle(message);
    program.run();
  } finally {
    divert(drop);
  }
}

function drop(): void {}
