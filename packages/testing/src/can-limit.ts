// Whether tests of limits can be run on this machine.

interface Finding {
  readonly subject: string;
  readonly ok: boolean;
}

/** Whether the machine can limit memory, CPUs and processes, by what the check of a driver found. */
export function canLimit(findings: readonly Finding[]): boolean {
  return findings.some(({ subject, ok }) => subject === 'cgroups' && ok);
}
