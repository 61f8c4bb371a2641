// The rules of the linter, in the order of docs/lint.md.
import type { LintRule } from './rule.ts';
import { shadowedModule } from './rules/shadowed-module.ts';
import { oneWordCommand, splicedShell } from './rules/shell-slips.ts';
import { undeclaredIdToken, undeclaredInput, undeclaredSecret } from './rules/undeclared.ts';
import { globalAssignment, unknownGlobal, unknownMember } from './rules/unknown-names.ts';
import { unpinnedImage } from './rules/unpinned-image.ts';
import { unreachableStage } from './rules/unreachable-stage.ts';
import { unusedResult } from './rules/unused-result.ts';

export const lintRules: readonly LintRule[] = [
  unusedResult,
  unknownGlobal,
  unknownMember,
  globalAssignment,
  shadowedModule,
  unreachableStage,
  undeclaredInput,
  undeclaredSecret,
  undeclaredIdToken,
  unpinnedImage,
  oneWordCommand,
  splicedShell,
];
