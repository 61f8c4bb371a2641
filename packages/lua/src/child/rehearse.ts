// What the process that makes an image does before the image is taken.
import {
  CHILD_FRAME_BYTES_MAX,
  encodeFrame,
  FRAME_BYTES_MAX,
  FrameReader,
} from '../wire/frames.ts';
import type { FromChild, ToChild, WireProgram, WireValue } from '../wire/messages.ts';
import { divert } from './channel.ts';
import { liftLimits } from './limits.ts';
import { Program } from './program.ts';
import { prepare } from './serve.ts';

/** What every host call gives: as much as a command gives. */
const RESULT: WireValue = {
  r: [
    ['exit_code', 0],
    ['duration_ms', 1],
    ['timed_out', false],
  ],
};

/**
 * Evaluates programs and calls the functions that they return, so that what this needs of the VM is
 * compiled, and makes ready for programs that see what the last of them sees. Once: more would have
 * V8 optimise for programs that are none.
 */
export function rehearse(programs: readonly WireProgram[]): void {
  divert(drop);
  for (const wire of programs) {
    const program = new Program(wire);
    program.load(wire);
    const said = tell(program, { type: 'evaluate', id: 1 });
    for (const fn of said.flatMap(functionsOf)) {
      const branch = `rehearsal ${fn}`;
      answer(program, { type: 'call', id: 2, fn, args: [], branch, hostCalls: true, truth: false });
    }
    liftLimits();
  }
  for (const program of programs) prepare(program);
  divert(undefined);
}

/** Does what a message says; its host calls succeed. */
function answer(program: Program, message: ToChild): void {
  const waiting = [message];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    for (const said of tell(program, next)) {
      if (said.type !== 'host') continue;
      waiting.push({ type: 'result', call: said.call, values: [RESULT] });
    }
  }
}

/** Tells a program something, and gives what it says to that: all as if it came through a pipe. */
function tell(program: Program, message: ToChild): FromChild[] {
  const said: FromChild[] = [];
  const reader = new FrameReader(CHILD_FRAME_BYTES_MAX);
  divert((frame) => {
    for (const { message: one } of reader.push(frame)) said.push(one as FromChild);
  });
  for (const { message: read } of new FrameReader(FRAME_BYTES_MAX).push(encodeFrame(message))) {
    program.handle(read as ToChild);
  }
  program.run();
  divert(drop);
  return said;
}

/** Also of what computes for long, which tells where it is: there is no pipe to say it to. */
function drop(): void {}

/** The ids of the functions in what was returned. */
function functionsOf(said: FromChild): number[] {
  if (said.type !== 'done') return [];
  const ids = new Set<number>();
  JSON.stringify(said.values, (key, value: unknown) => {
    if (key === 'f' && Array.isArray(value)) ids.add(Number(value[0]));
    return value;
  });
  return [...ids];
}
