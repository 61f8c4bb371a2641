// Asks the registry for known holes in the packages of the lock file.
import { run } from './run.ts';

/** What `npm audit` says. */
export type Advisories =
  | { readonly kind: 'clean'; readonly packages: number }
  | { readonly kind: 'vulnerable'; readonly findings: readonly string[] }
  /** The registry has no such service, which many mirrors have not. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Whatever is found counts, of programs that only make or test Rivet as well. */
export async function findAdvisories(directory: string): Promise<Advisories> {
  // 1: it found something, or could not ask.
  const options = { cwd: directory, alsoOk: [1] };
  return readAuditReport((await run('npm', ['audit', '--json'], options)).toString());
}

interface AuditReport {
  readonly vulnerabilities?: Readonly<
    Record<string, { readonly severity: string; readonly via: readonly unknown[] }>
  >;
  readonly metadata?: { readonly dependencies?: { readonly total?: number } };
  readonly message?: string;
  readonly error?: { readonly summary?: string; readonly detail?: string };
}

/** Reads what `npm audit --json` prints. */
export function readAuditReport(text: string): Advisories {
  let report: AuditReport;
  try {
    report = JSON.parse(text);
  } catch {
    return { kind: 'unknown', reason: 'npm audit printed no JSON' };
  }
  const { vulnerabilities, metadata } = report;
  if (vulnerabilities === undefined) {
    const { message, error } = report;
    return { kind: 'unknown', reason: message ?? error?.summary ?? 'npm audit gave no report' };
  }
  const findings = Object.entries(vulnerabilities).map(([name, { severity, via }]) => {
    const titles = via.map((each) =>
      typeof each === 'object' && each !== null && 'title' in each
        ? String(each.title)
        : `by ${each}`,
    );
    return `${name} (${severity}): ${titles.join('; ')}`;
  });
  if (findings.length > 0) return { kind: 'vulnerable', findings };
  return { kind: 'clean', packages: metadata?.dependencies?.total ?? 0 };
}
