// What is there of a job when its end is told: no process any more, and soon no record and no file.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client, Job } from '@rivet/protocol';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { containersOf, type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, waitForJob } from './jobs.ts';

/** Within which records and files of an ended job are gone. */
const CLEANED_MS = 60_000;

/** Every stage leaves processes behind that want to stay: named by `seconds`, which nothing else is. */
const staying = (name: string, seconds: number, fields: string, body: string): string => `
return pipeline.define({
  name = "${name}",
  ${fields}
  stages = { { name = "one", script = function()
    process.sh("setsid sleep ${seconds} & (trap '' TERM HUP; nohup sleep ${seconds}) >/dev/null 2>&1 & echo here")
    process.spawn({ "sh", "-c", "trap '' TERM; sleep ${seconds}" })
    ${body}
  end } },
})`;

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation();
});

afterAll(async () => {
  expect(await installation.stop()).toEqual([]);
});

/** Command lines on this machine that have this word. */
async function processesWith(word: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.split('\0').includes(word)) found.push(line);
  }
  return found;
}

async function untilEnd(client: Client, id: string): Promise<Job> {
  const signal = AbortSignal.timeout(180_000);
  for await (const event of client.streamJobEvents({ id, signal })) {
    if (event.event === 'end') return event.data;
  }
  throw new Error(`the events of job ${id} ended before the job did`);
}

it.each([
  ['succeeded', '', ''],
  ['failed', '', 'process.run({ "false", check = true })'],
  ['failed', 'timeout = "10s",', 'process.run({ "sleep", "300" })'],
  ['canceled', '', 'process.run({ "sleep", "300" })'],
])('of a job that %s (%s) no process runs when its end is told', async (state, fields, body) => {
  const { client, runners } = installation;
  const word = 4000 + Math.floor(Math.random() * 1e9);
  const ref = await createPipeline(client, staying(`end-${word}`, word, fields, body));
  const { id } = await client.launchPipeline({ ref, body: {} });
  if (state !== 'succeeded') {
    await waitForJob(client, id, (job) => job.log_lines > 0);
    await vi.waitUntil(async () => (await processesWith(`${word}`)).length > 0, 60_000);
  }
  if (state === 'canceled') await client.cancelJob({ id });
  const job = await untilEnd(client, id);
  expect(await processesWith(`${word}`)).toEqual([]);
  expect(job.state).toBe(state);

  const { stateDirectory } = runners[0]!;
  const owner = (await readFile(join(stateDirectory, 'owner'), 'utf8')).trim();
  const log = (await allLines(client, id)).map(({ text }) => text).join('\n');
  const [, own = ''] = /^started container (\S+) from/m.exec(log) ?? [];
  expect(own).toMatch(/^rivet-/);
  const left = async (): Promise<string[]> => [
    ...(await containersOf(owner)).filter((name) => name === own),
    ...(await readdir(join(stateDirectory, 'jobs'))),
  ];
  await vi.waitUntil(async () => (await left()).length === 0, {
    timeout: CLEANED_MS,
    interval: 100,
  });
});
