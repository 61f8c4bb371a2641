// Checks inputs with the pipeline's own Lua behind it: opened when first needed, opened anew when a
// script used up its limits.
import type { LuaEngine, LuaVm } from '@rivet/lua';
import type {
  DefinitionIssue,
  InputDefinition,
  InputValue,
  InputValues,
  PipelineBundle,
  PipelineDefinition,
} from '@rivet/protocol';
import { type EvaluationOptions, evaluatePipeline } from '../evaluation/evaluate-pipeline.ts';
import { checkInputs, type InputCheck, valueIssues } from './check-inputs.ts';
import { withOptions } from './dependent-options.ts';
import { inputsInvalid, pipelineInvalid, unknownInput } from './input-issues.ts';
import { createLuaRules, type LuaRules } from './lua-rules.ts';

/** Checks input values against a pipeline's rules, its Lua patterns and `validate` functions. */
export interface InputChecker {
  /** Every mistake at once, or the values with defaults filled in. Paths are `inputs.<name>`. */
  check(values: unknown): Promise<InputCheck>;
  /**
   * The first mistake in one value: for a prompt that asks again.
   * @param known values of other inputs, from which its options may follow
   */
  checkOne(
    name: string,
    value: InputValue,
    known: InputValues,
  ): Promise<DefinitionIssue | undefined>;
  /**
   * The input as a prompt asks for it: with the options that follow from the values of others.
   * @throws RIVET_INPUT_INVALID when its options function gives none
   */
  resolve(input: InputDefinition, known: InputValues): Promise<InputDefinition>;
  /** Closes the VM, if one was needed. */
  close(): Promise<void>;
}

/**
 * Opens a VM only when a value must be held against a pattern or a `validate` function.
 * @param definition the stored definition of the bundle
 * @throws from `check` and `checkOne`: RIVET_PIPELINE_INVALID when the bundle no longer evaluates
 */
export function createInputChecker(
  engine: LuaEngine,
  bundle: PipelineBundle,
  definition: PipelineDefinition,
  options: EvaluationOptions,
): InputChecker {
  let opened: Promise<{ vm: LuaVm; rules: LuaRules }> | undefined;

  async function open(): Promise<{ vm: LuaVm; rules: LuaRules }> {
    const evaluated = await evaluatePipeline(engine, bundle, options);
    if (!evaluated.ok) throw pipelineInvalid(evaluated.issues);
    const { vm, matchAll, functions } = evaluated;
    return { vm, rules: createLuaRules(vm, matchAll, functions) };
  }

  async function close(): Promise<void> {
    const closing = opened;
    opened = undefined;
    const there = await closing?.catch(() => undefined);
    await there?.vm.close();
  }

  /** Asks the rules; a VM that was lost or used up is replaced before the next question. */
  async function ask<T>(question: (rules: LuaRules) => Promise<T>): Promise<T> {
    opened ??= open();
    const { vm, rules } = await opened.catch(async (error: unknown) => {
      await close();
      throw error;
    });
    try {
      return await question(rules);
    } catch (error) {
      await close();
      throw error;
    } finally {
      if (rules.ended()) {
        if (opened !== undefined && (await opened).vm === vm) opened = undefined;
        await vm.close();
      }
    }
  }

  const lua: LuaRules = {
    matchAll: (questions) => ask((rules) => rules.matchAll(questions)),
    validate: (input, value) => ask((rules) => rules.validate(input, value)),
    options: (input, before) => ask((rules) => rules.options(input, before)),
    ended: () => false,
  };
  return {
    check: (values) => checkInputs(definition, values, lua),
    async checkOne(name, value, known) {
      const input = definition.inputs.find((candidate) => candidate.name === name);
      if (input === undefined) return unknownInput(definition, name);
      return (await valueIssues(definition, input, value, known, lua))[0];
    },
    async resolve(input, known) {
      const resolved = await withOptions(definition, input, known, lua);
      if ('issue' in resolved) throw inputsInvalid({ issues: [resolved.issue], missing: [] });
      return resolved;
    },
    close,
  };
}
