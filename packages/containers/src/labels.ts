// The labels by which Rivet finds its containers again.

/** On every container that Rivet starts; its value is the version of the label scheme. */
export const LABEL_RIVET = 'dev.rivet';
/** Id of the job. */
export const LABEL_JOB = 'dev.rivet.job';
/** Number of the attempt. */
export const LABEL_ATTEMPT = 'dev.rivet.attempt';
/** Who started it and has to remove it: a runner's id, or a run of the CLI. */
export const LABEL_OWNER = 'dev.rivet.owner';
/** On containers that stand ready for a job that is not known yet. */
export const LABEL_WARM = 'dev.rivet.warm';

/** The labels of a container of one attempt, over those of its owner. */
export function attemptLabels(
  jobId: string,
  attempt: number,
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return {
    ...labels,
    [LABEL_RIVET]: '1',
    [LABEL_JOB]: jobId,
    [LABEL_ATTEMPT]: String(attempt),
  };
}
