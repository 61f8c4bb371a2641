// The levels of a policy: each narrows the one before it.
import { RivetError } from '@rivet/base';
import { type InstallationPolicy, showList } from '@rivet/pipeline';

/** Rules, and whose they are. */
export interface PolicyLevel {
  readonly owner: 'installation' | 'pipeline' | 'stage';
  readonly rules: InstallationPolicy;
}

/** The error of a refusal that names the rule and whose it is. */
export function refused(what: string, level: PolicyLevel, key: string, rule: string): RivetError {
  return RivetError.of('RIVET_POLICY_DENIED', {
    what,
    rule: `${key} of the ${level.owner} ${rule}`,
  });
}

/** The smallest number that a level sets, and who sets it; undefined when none does. */
export function smallest(
  levels: readonly PolicyLevel[],
  pick: (rules: InstallationPolicy) => number | undefined,
): { readonly value: number; readonly level: PolicyLevel } | undefined {
  let found: { value: number; level: PolicyLevel } | undefined;
  for (const level of levels) {
    const value = pick(level.rules);
    if (value !== undefined && (found === undefined || value < found.value)) {
      found = { value, level };
    }
  }
  return found;
}

/** Whether `name` passes the lists of every level; throws the refusal when it does not. */
export function checkLists(
  levels: readonly PolicyLevel[],
  what: string,
  name: string,
  lists: {
    readonly allowKey: string;
    readonly denyKey: string;
    readonly allow: (rules: InstallationPolicy) => readonly string[] | undefined;
    readonly deny: (rules: InstallationPolicy) => readonly string[] | undefined;
    readonly allows: (rule: string, name: string) => boolean;
    readonly denies: (rule: string, name: string) => boolean;
  },
): void {
  for (const level of levels) {
    const denied = lists.deny(level.rules)?.find((rule) => lists.denies(rule, name));
    if (denied !== undefined) throw refused(what, level, lists.denyKey, `has "${denied}"`);
    const allow = lists.allow(level.rules);
    if (allow !== undefined && !allow.some((rule) => lists.allows(rule, name))) {
      throw refused(what, level, lists.allowKey, `is ${showList(allow)}`);
    }
  }
}
