// What a pipeline is: its files, its definition, its inputs, and what can be wrong with them.
export { bundleDigest } from './bundle/bundle-digest.ts';
export { BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, SOURCE_BYTES_MAX } from './bundle/bundle-limits.ts';
export { checkBundle } from './bundle/check-bundle.ts';
export { type PipelineFiles, readBundle, readPipeline } from './bundle/read-bundle.ts';
export { diffDefinitions } from './definition/diff-definitions.ts';
export { stageDependencies } from './definition/stage-graph.ts';
export {
  type PipelineFunctions,
  type ValidatedDefinition,
  validateDefinition,
} from './definition/validate-definition.ts';
export { definitionModules } from './evaluation/definition-modules.ts';
export {
  type CheckedPipeline,
  CREATION_LIMITS,
  checkPipeline,
  type EvaluatedPipeline,
  type EvaluationOptions,
  evaluatePipeline,
} from './evaluation/evaluate-pipeline.ts';
export { type InputCheck, maskSecretInputs, missingInputs } from './inputs/check-inputs.ts';
export { createInputChecker, type InputChecker } from './inputs/input-checker.ts';
export { type InputTextResult, inputFromText, inputsFromText } from './inputs/input-from-text.ts';
export { inputsInvalid, pipelineInvalid } from './inputs/input-issues.ts';
export { type LintWarning, lintBundle, lintRuleNames, startLint } from './lint/lint-bundle.ts';
export {
  type LuaSurface,
  readLuaSurface,
  restoreSurface,
  type StoredSurface,
  storeSurface,
} from './lint/lua-surface.ts';
export { renderWarnings } from './lint/render-warnings.ts';
export { type DescribedPlugin, describePlugin } from './plugins/describe-plugin.ts';
export {
  createPluginFinder,
  type FoundPlugin,
  findPlugins,
  type PluginOrigin,
  type PluginPlace,
} from './plugins/find-plugins.ts';
export type { PluginSearch } from './plugins/known-plugins.ts';
export type { PluginManifest } from './plugins/plugin-manifest.ts';
export { isPluginName, PLUGIN_NAME_EXPECTED } from './plugins/plugin-name.ts';
export {
  type HttpHost,
  type HttpRule,
  httpHost,
  parseHttpRule,
  ruleDeniesAddress,
  ruleMatchesAddress,
  ruleMatchesName,
} from './policy/http-rule.ts';
export { type InstallationPolicy, loadInstallationPolicy } from './policy/installation-policy.ts';
export { policyExcess, showList } from './policy/policy-excess.ts';
export { ruleAllowsImage, ruleDeniesImage, ruleMatchesCommand } from './policy/policy-rules.ts';
export { type IssueStyle, renderIssues } from './render-issues.ts';
