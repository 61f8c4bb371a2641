// `npm test`: every check and every test; at the end what failed, and one line with the counts.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { runStep, staticSteps } from './run-steps.ts';

/** What this needs of vitest's JSON report. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly TestResult[];
  }[];
}

interface TestResult {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages?: readonly string[];
}

const directory = await mkdtemp(join(tmpdir(), 'rivet-test-report-'));
let passed = 0;
let skipped = 0;
/** A line for each: what failed lies far above, behind the dots of thousands of tests. */
const failures: string[] = [];
try {
  for (const step of staticSteps) {
    if (await runStep(step)) passed += 1;
    else failures.push(`${step.name}: ${step.mend}`);
  }
  for (const project of ['unit', 'integration', 'e2e']) {
    await runProject(project);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
process.stdout.write(`${passed} passed, ${failures.length} failed, ${skipped} skipped\n`);
process.exitCode = failures.length === 0 ? 0 : 1;

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
  skipped += report?.numPendingTests ?? 0;
  for (const name of skippedTests(report)) process.stdout.write(`skipped: ${name}\n`);
  const failed = failedTests(report);
  failures.push(...failed.map((failure) => `${project}: ${failure}`));
  // A leak or a crash fails the run without failing a test.
  if (!ok && failed.length === 0) failures.push(`${project}: the run itself, see above`);
}

async function readReport(path: string): Promise<VitestReport | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as VitestReport;
  } catch {
    return undefined;
  }
}

/** The failed tests, and the files that could not be loaded, with the first line of the reason. */
function failedTests(report: VitestReport | undefined): string[] {
  return (report?.testResults ?? []).flatMap(({ name, status, message, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0) {
      return status === 'failed' ? [withReason(relative('.', name), message)] : [];
    }
    return failed.map((test) => {
      return withReason(`${relative('.', name)} > ${test.fullName}`, test.failureMessages?.[0]);
    });
  });
}

function withReason(name: string, reason = ''): string {
  const [first = ''] = reason.split('\n', 1);
  return first === '' ? name : `${name}: ${first}`;
}

function skippedTests(report: VitestReport | undefined): string[] {
  return (report?.testResults ?? [])
    .flatMap((file) => file.assertionResults)
    .filter((test) => test.status === 'pending' || test.status === 'skipped')
    .map((test) => test.fullName);
}
