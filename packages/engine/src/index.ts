// How a pipeline runs: stages, modules, journal.
export type { JobHost, JobLimits, JobObserver, JobSpec, RunJob } from './job.ts';
export { type JournalContent, readJournal } from './journal/journal-reader.ts';
export {
  type BeginRecord,
  type EndRecord,
  JOURNAL_VERSION,
  type JournalHeader,
} from './journal/journal-record.ts';
export { type InstallationPolicy, loadInstallationPolicy } from '@rivet/pipeline';
export { coreModules, globalAliases } from './modules/registry.ts';
export { runJob } from './run-job.ts';
