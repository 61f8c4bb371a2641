// The labels by which a runner finds its own containers, and no others, after a crash.
import { attemptLabels, LABEL_OWNER } from '@rivet/containers';

/** Carried by every container that the runner with this state directory starts. */
export function ownerLabels(owner: string): Readonly<Record<string, string>> {
  return { [LABEL_OWNER]: owner };
}

/** Carried by every container of one attempt on this runner. */
export function ownAttemptLabels(
  owner: string,
  job: string,
  attempt: number,
): Readonly<Record<string, string>> {
  return attemptLabels(job, attempt, ownerLabels(owner));
}
