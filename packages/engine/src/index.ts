// How a pipeline runs: stages, modules, journal.
export type { JobHost, JobLimits, JobObserver, JobSpec, RunJob } from './job.ts';
