// Two orchestrators, three runners, two hundred jobs: each ends once, with every line in order.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allJobs, allLines, createPipeline, numberingFault, waitForEnd } from './jobs.ts';

const JOBS = 200;
/**
 * Every tenth job starts a container; the others only talk, so that the test ends soon on two
 * cores.
 */
const COMMAND_EVERY = 10;
const LINES = 40;

const source = `
return pipeline.define({
  name = "fleet",
  inputs = {
    number = { type = "number", integer = true },
    command = { type = "bool" },
  },
  stages = {
    { name = "first", script = function()
      for i = 1, ${LINES} do log.info("first " .. i) end
      output.set("number", input.get("number"))
    end },
    { name = "second", script = function()
      if input.get("command") then
        process.sh("i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo second $i; done")
      else for i = 1, ${LINES} do log.info("second " .. i) end end
    end },
  },
})`;

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation({ orchestrators: 2, runners: 3, capacity: 3 });
});

afterAll(async () => {
  expect(await installation.stop()).toEqual([]);
});

it('ends 200 jobs once each, with every log line there in order', async () => {
  const [one, two] = installation.orchestrators.map(({ client }) => client);
  const ref = await createPipeline(one!, source);
  const launched = [];
  for (let number = 0; number < JOBS; number += 1) {
    const client = number % 2 === 0 ? one! : two!;
    const inputs = { number, command: number % COMMAND_EVERY === 0 };
    launched.push((await client.launchPipeline({ ref, body: { inputs } })).id);
  }

  const runners = new Set<string>();
  for (const [number, id] of launched.entries()) {
    // Asked of the orchestrator that did not launch it.
    const client = number % 2 === 0 ? two! : one!;
    const job = await waitForEnd(client, id, 240_000);
    expect(job.state, job.message ?? '').toBe('succeeded');
    expect(job.attempt).toBe(1);
    expect(job.outputs).toEqual({ number });
    runners.add(job.runner ?? '');
    const lines = await allLines(client, id);
    expect(numberingFault(lines)).toBeUndefined();
    for (const stage of ['first', 'second']) {
      expect(
        lines.filter((line) => line.text.startsWith(`${stage} `)).map((line) => line.text),
      ).toEqual(Array.from({ length: LINES }, (_, index) => `${stage} ${index + 1}`));
    }
  }
  expect(runners.size, 'every runner took some').toBe(3);
  expect(new Set((await allJobs(one!)).map((job) => job.id)).size).toBe(JOBS);
}, 300_000);
