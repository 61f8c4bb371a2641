// The rules of inputs that only Lua can check: patterns, and the `validate` functions of the
// author.
import { isRivetError } from '@rivet/base';
import type { LuaFunction, LuaValue, LuaVm } from '@rivet/lua';
import type { InputValue, InputValues } from '@rivet/protocol';
import type { PipelineFunctions } from '../definition/validate-definition.ts';

/** A text and the Lua pattern it should match. */
export interface PatternQuestion {
  readonly text: string;
  readonly pattern: string;
}

/** What Lua says of a value: undefined when it is good, else why not, ending "the value …". */
type Refusal = string | undefined;

/** Asks the VM of an evaluated pipeline. */
export interface LuaRules {
  /** For each question whether the text matches. */
  matchAll(questions: readonly PatternQuestion[]): Promise<Refusal[]>;
  /** Runs the `validate` function of an input. */
  validate(input: string, value: InputValue): Promise<Refusal>;
  /**
   * Runs the `options` function of an input on the values of the inputs before it: what it
   * returned, or why it could not be asked.
   */
  options(input: string, before: InputValues): Promise<LuaValue | { readonly refusal: string }>;
  /** Whether the VM is gone because a script used up a limit: its next answer would be an error. */
  ended(): boolean;
}

const REASON_LENGTH_MAX = 500;

/** The rules of a pipeline whose VM is open. */
export function createLuaRules(
  vm: LuaVm,
  matchAll: LuaFunction,
  functions: Pick<PipelineFunctions, 'inputs' | 'options'>,
): LuaRules {
  let calls = 0;
  let ended = false;
  /** What the function returned, or why it could not be asked. */
  const call = async (
    fn: LuaFunction,
    argument: LuaValue,
  ): Promise<readonly LuaValue[] | string> => {
    calls += 1;
    // With a colon, which no stage has in its name: branches of one VM have different names.
    const options = { branch: `check:${calls}`, hostCalls: 'refused' } as const;
    try {
      return await vm.call(fn, [argument], options);
    } catch (error) {
      // What is not the script's fault is not an answer about a value.
      if (!isRivetError(error) || error.fault !== 'user') throw error;
      ended ||= isRivetError(error, 'RIVET_LUA_CPU_LIMIT', 'RIVET_LUA_MEMORY_LIMIT');
      const { message } = error.details;
      return shorten(typeof message === 'string' ? message : error.message);
    }
  };
  return {
    ended: () => ended,
    async matchAll(questions) {
      if (questions.length === 0) return [];
      const answers = await call(
        matchAll,
        questions.map(({ text, pattern }) => [text, pattern]),
      );
      if (typeof answers === 'string') {
        return questions.map(() => `cannot be held against the pattern: ${answers}`);
      }
      const [list] = answers;
      return questions.map((_, index) => {
        const answer = Array.isArray(list) ? list[index] : undefined;
        if (answer === true) return undefined;
        return typeof answer === 'string'
          ? `cannot be held against the pattern: ${answer}`
          : 'does not match the pattern';
      });
    },
    async validate(input, value) {
      const validator = functions.inputs.get(input);
      if (validator === undefined) return undefined;
      const answer = await call(validator, Array.isArray(value) ? [...value] : value);
      return typeof answer === 'string'
        ? `could not be checked by its validate function: ${answer}`
        : verdict(answer);
    },
    async options(input, before) {
      const fn = functions.options.get(input);
      if (fn === undefined) throw new Error(`the input ${input} has no options function`);
      const answer = await call(fn, before);
      return typeof answer === 'string' ? { refusal: answer } : (answer[0] ?? null);
    },
  };
}

/** `true` is good; `false, "reason"` is not; nothing at all is a slip of the author's. */
function verdict(returned: readonly LuaValue[]): Refusal {
  const [good, reason] = returned;
  if (returned.length === 0) {
    return 'could not be checked: its validate function returned nothing; expected true, or false and a reason';
  }
  if (good !== false && good !== null) return undefined;
  return typeof reason === 'string' && reason.trim() !== ''
    ? `is refused by the pipeline: ${shorten(reason)}`
    : 'is refused by the pipeline';
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= REASON_LENGTH_MAX ? line : `${line.slice(0, REASON_LENGTH_MAX)}…`;
}
