// How a pipeline runs: stages, modules, journal.

export { bundleDigest, type InstallationPolicy, loadInstallationPolicy } from '@rivet/pipeline';
export type { IdToken, IdTokenIssuer } from './identity/id-token-issuer.ts';
export type {
  JobHost,
  JobLimits,
  JobObserver,
  JobSpec,
  RunJob,
  StageNeeds,
} from './job.ts';
export { type JournalContent, readJournal } from './journal/journal-reader.ts';
export {
  type BeginRecord,
  type EndRecord,
  JOURNAL_VERSION,
  type JournalHeader,
} from './journal/journal-record.ts';
export { type ConditionForecast, forecastConditions } from './mock/forecast.ts';
export { type CaseReport, runTestFile, type TestFileOptions } from './mock/run-test-file.ts';
export { createTestedPipelines, type TestedPipelines } from './mock/tested-pipelines.ts';
export { coreModules, expectedAnswers, globalAliases } from './modules/registry.ts';
export { checkSecretSize, createRedactor } from './redaction/redactor.ts';
export { secretForms } from './redaction/secret-forms.ts';
export type { JobResume, LineSource } from './resume.ts';
export { runJob } from './run-job.ts';
export { givenSecrets, noSecrets, type SecretProvider } from './secrets/secret-provider.ts';
