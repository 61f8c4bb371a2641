// What a policy says about commands.
import { ruleMatchesCommand } from '@rivet/pipeline';
import { checkLists, type PolicyLevel } from './policy-level.ts';

/**
 * Throws RIVET_POLICY_DENIED for a program, as the script wrote it, that a level does not allow.
 * These rules are a guard against slips, not a wall: an allowed `sh` can start anything in its
 * container.
 */
export function checkCommand(levels: readonly PolicyLevel[], command: string): void {
  checkLists(levels, `the command ${JSON.stringify(command)}`, command, {
    allowKey: 'process.allow',
    denyKey: 'process.deny',
    allow: (rules) => rules.process?.allow,
    deny: (rules) => rules.process?.deny,
    allows: ruleMatchesCommand,
    denies: ruleMatchesCommand,
  });
}
