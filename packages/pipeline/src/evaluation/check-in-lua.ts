// The part of validation that needs the VM: defaults and options against patterns and `validate`.
import type { LuaFunction, LuaVm } from '@rivet/lua';
import type { DefinitionIssue } from '@rivet/protocol';
import { IssueList, type IssueSources } from '../definition/issue-list.ts';
import type { LuaChecks } from '../definition/lua-checks.ts';
import { labelOf } from '../definition/read-fields.ts';
import { showValue } from '../definition/show-value.ts';
import { createLuaRules } from '../inputs/lua-rules.ts';
import { patternExpected } from '../inputs/scalar-rules.ts';

/**
 * Checks what `validateDefinition` left to Lua.
 * @throws what the VM throws when it cannot be asked
 */
export async function checkInLua(
  vm: LuaVm,
  matchAll: LuaFunction,
  { patterns, defaults }: LuaChecks,
  sources: IssueSources,
): Promise<DefinitionIssue[]> {
  const issues = new IssueList(sources);
  const validators = new Map(defaults.map(({ input, validate }) => [input, validate]));
  const rules = createLuaRules(vm, matchAll, { inputs: validators, options: new Map() });
  const refusals = await rules.matchAll(patterns);
  for (const [index, { path, pattern, text }] of patterns.entries()) {
    const refusal = refusals[index];
    if (refusal === undefined) continue;
    issues.add(path, {
      message: `${labelOf(path)} ${refusal}`,
      found: showValue(text),
      expected: patternExpected(pattern),
    });
  }
  for (const { path, input, value } of defaults) {
    // A check that used up a limit was told; the VM cannot be asked any more.
    if (rules.ended()) break;
    const refusal = await rules.validate(input, value);
    if (refusal === undefined) continue;
    issues.add(path, { message: `${labelOf(path)} ${refusal}`, found: showValue(value) });
  }
  return issues.toArray();
}
