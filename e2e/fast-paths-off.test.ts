// With every fast path turned off the same comes of the same pipelines: what is fast is never what
// makes it right.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';
import { runScenario, scenarioNames, scenarioRunnerEnv } from './scenario.ts';

const JOBS = 20;
const LINES = 40;

const talking = `
return pipeline.define({
  name = "talking",
  inputs = { number = { type = "number", integer = true } },
  stages = { { name = "one", script = function()
    for i = 1, ${LINES} do log.info("line " .. i) end
    output.set("number", input.get("number"))
  end } },
})`;

const endless = `
return pipeline.define({
  name = "endless",
  stages = { { name = "one", script = function()
    process.sh("i=0; while :; do i=$((i+1)); echo line $i; sleep 0.1; done")
  end } },
})`;

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation({
    orchestrators: 2,
    runners: 2,
    runnerEnv: scenarioRunnerEnv,
    fastPaths: false,
  });
});

afterAll(async () => {
  expect(await installation.stop()).toEqual([]);
});

it('no program was given a setting that it does not know', () => {
  for (const { stderr } of [...installation.orchestrators, ...installation.runners]) {
    expect(stderr()).not.toContain('is no setting of');
  }
});

it.each(scenarioNames)('%s', async (name) => {
  await runScenario(installation.client, name);
});

it(`${JOBS} jobs at once end once each, with every line there in order`, async () => {
  const [one, two] = installation.orchestrators.map(({ client }) => client);
  const ref = await createPipeline(one!, talking);
  const ids = await Promise.all(
    Array.from({ length: JOBS }, async (_, number) => {
      const client = number % 2 === 0 ? one! : two!;
      return (await client.launchPipeline({ ref, body: { inputs: { number } } })).id;
    }),
  );
  for (const [number, id] of ids.entries()) {
    const job = await waitForEnd(two!, id, 120_000);
    expect(job, job.message ?? '').toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(job.outputs).toEqual({ number });
    const lines = await allLines(one!, id);
    expect(numberingFault(lines)).toBeUndefined();
    const said = lines.filter(({ stream }) => stream === 'log').map(({ text }) => text);
    expect(said).toEqual(Array.from({ length: LINES }, (_, index) => `line ${index + 1}`));
  }
});

it('a job that is canceled stops', async () => {
  const { client } = installation;
  const ref = await createPipeline(client, endless);
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 3);
  await client.cancelJob({ id });
  const job = await waitForEnd(client, id);
  expect(job).toMatchObject({ state: 'canceled', attempt: 1 });
  expect(numberingFault(await allLines(client, id))).toBeUndefined();
});
