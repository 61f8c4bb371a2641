// The part of validation that needs the VM: defaults and options against patterns and `validate`.
import type { LuaFunction, LuaVm } from '@rivet/lua';
import type { DefinitionIssue } from '@rivet/protocol';
import { IssueList, type IssueSources } from '../definition/issue-list.ts';
import { labelOf } from '../definition/read-fields.ts';
import { showValue } from '../definition/show-value.ts';
import type { ValidatedDefinition } from '../definition/validate-definition.ts';
import { createLuaRules } from '../inputs/lua-rules.ts';
import { patternExpected } from '../inputs/scalar-rules.ts';

/**
 * Checks what `validateDefinition` left to Lua.
 * @throws what the VM throws when a limit is reached
 */
export async function checkInLua(
  vm: LuaVm,
  matchAll: LuaFunction,
  validated: ValidatedDefinition,
  sources: IssueSources,
): Promise<DefinitionIssue[]> {
  const { definition, functions, patternChecks, defaultChecks } = validated;
  const issues = new IssueList(sources);
  const rules = createLuaRules(vm, matchAll, functions?.inputs ?? new Map());
  const refusals = await rules.matchAll(patternChecks);
  for (const [index, { path, pattern, text }] of patternChecks.entries()) {
    const refusal = refusals[index];
    if (refusal === undefined) continue;
    issues.add(path, {
      message: `${labelOf(path)} ${refusal}`,
      found: showValue(text),
      expected: patternExpected(pattern),
    });
  }
  for (const { path, input } of defaultChecks) {
    const value = definition?.inputs.find(({ name }) => name === input)?.default;
    if (value === undefined) continue;
    const refusal = await rules.validate(input, value);
    if (refusal === undefined) continue;
    issues.add(path, { message: `${labelOf(path)} ${refusal}`, found: showValue(value) });
  }
  return issues.toArray();
}
