// The labels by which a runner finds its own containers, and no others, after a crash.

/** Carried by every container that the runner with this state directory starts. */
export function ownerLabels(owner: string): Record<string, string> {
  return { 'rivet.runner': owner };
}

/** Carried by every container of one attempt on this runner. */
export function attemptLabels(owner: string, job: string, attempt: number): Record<string, string> {
  return { ...ownerLabels(owner), 'rivet.runner-attempt': `${job}.${attempt}` };
}
