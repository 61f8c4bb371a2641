// Errors of the area "policy": what an installation, a pipeline or a stage does not allow.
import { defineErrors } from './define.ts';

export const policyErrors = defineErrors({
  RIVET_POLICY_DENIED: {
    message: 'the policy does not allow {what}: {rule}',
    solve:
      'Change what the script asks for. A rule of the pipeline or the stage stands in its `policy`; a rule of the installation in the policy file of the machine that ran the job.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_POLICY_EXCEEDED: {
    message: 'the policy of the pipeline goes beyond that of the installation:\n{excess}',
    solve:
      'A pipeline can only narrow what the installation allows. Remove or narrow these rules, or have the policy file of the installation widened.',
    status: 403,
    exit: 1,
    fault: 'user',
  },
  RIVET_POLICY_FILE_INVALID: {
    message: 'the policy file {path} cannot be used: {problem}',
    solve:
      'Correct the file that RIVET_POLICY_FILE names; docs/guide/policies.md describes it. Without the variable there are no rules.',
    status: 500,
    exit: 2,
    fault: 'operator',
  },
});
