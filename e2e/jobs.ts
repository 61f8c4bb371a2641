// What tests do with jobs over and over: create, launch, wait for the end, read the whole log.
import {
  type Client,
  isFinalJobState,
  type Job,
  type JobDetail,
  type LogLine,
} from '@rivet/protocol';

/** Makes a pipeline of one file. */
export async function createPipeline(client: Client, source: string): Promise<string> {
  const { name } = await client.createPipeline({
    body: { bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } } },
  });
  return name;
}

/** Waits until the job is final. @throws after `ms` with what was seen last */
export async function waitForEnd(client: Client, id: string, ms = 180_000): Promise<JobDetail> {
  return waitForJob(client, id, (job) => isFinalJobState(job.state), ms);
}

/** Waits until `condition` holds for the job. @throws after `ms` with what was seen last */
export async function waitForJob(
  client: Client,
  id: string,
  condition: (job: JobDetail) => boolean,
  ms = 180_000,
): Promise<JobDetail> {
  const deadline = performance.now() + ms;
  for (;;) {
    const job = await client.getJob({ id });
    if (condition(job)) return job;
    if (performance.now() > deadline) {
      throw new Error(`not within ${ms} ms; last seen: ${JSON.stringify(job, null, 2)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Every job of the installation. */
export async function allJobs(client: Client): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor: string | null = null;
  do {
    const page: { items: Job[]; next_cursor: string | null } = await client.listJobs({
      query: { limit: 200, ...(cursor === null ? {} : { cursor }) },
    });
    jobs.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return jobs;
}

/** All lines of an attempt, the current one when none is named. */
export async function allLines(client: Client, id: string, attempt?: number): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (let after = 0; ; ) {
    const page = await client.getJobLogs({
      id,
      query: { after, limit: 1000, ...(attempt !== undefined && { attempt }) },
    });
    lines.push(...page.lines);
    if (page.lines.length === 0) return lines;
    after = page.last;
  }
}

/** What is wrong with the numbers of a log: they count from 1 without gaps. Undefined: nothing. */
export function numberingFault(lines: readonly LogLine[]): string | undefined {
  const wrong = lines.findIndex((line, index) => line.n !== index + 1);
  return wrong < 0 ? undefined : `line ${wrong + 1} has the number ${lines[wrong]?.n}`;
}
