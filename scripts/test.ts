// `npm test`: every check and every test, and one closing line with the count of all of them.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runStep, staticSteps } from './run-steps.ts';

/** What this needs of vitest's JSON report. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const directory = await mkdtemp(join(tmpdir(), 'rivet-test-report-'));
let passed = 0;
let failed = 0;
let skipped = 0;
try {
  for (const step of staticSteps) {
    if (await runStep(step)) passed += 1;
    else failed += 1;
  }
  for (const project of ['unit', 'integration', 'e2e']) {
    await runProject(project);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed === 0 ? 0 : 1;

/** Runs one of vitest's projects and adds its counts; a run that gives no report is a failure. */
async function runProject(project: string): Promise<void> {
  const reportFile = join(directory, `${project}.json`);
  const ok = await runStep({
    name: `${project} tests`,
    command: [
      ...['vitest', 'run', '--project', project],
      ...['--reporter', 'dot', '--reporter', 'json', `--outputFile.json=${reportFile}`],
    ],
    mend: `npx vitest run --project ${project}`,
    verbose: true,
  });
  const report = await readReport(reportFile);
  passed += report?.numPassedTests ?? 0;
  failed += report?.numFailedTests ?? 0;
  skipped += report?.numPendingTests ?? 0;
  for (const name of skippedTests(report)) process.stdout.write(`skipped: ${name}\n`);
  // A leak, a crash or a file that could not be loaded fails the run without failing a test.
  if (!ok && (report === undefined || report.numFailedTests === 0)) failed += 1;
}

async function readReport(path: string): Promise<VitestReport | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
}

function skippedTests(report: VitestReport | undefined): string[] {
  return (report?.testResults ?? [])
    .flatMap((file) => file.assertionResults)
    .filter((test) => test.status === 'pending' || test.status === 'skipped')
    .map((test) => test.fullName);
}
