// Each folder of scenarios/ is a pipeline and what must come of it, through the whole installation.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { runScenario, scenarioNames, scenarioRunnerEnv } from './scenario.ts';

let installation: Installation;

beforeAll(async () => {
  installation = await startInstallation({ runnerEnv: scenarioRunnerEnv });
});

afterAll(async () => {
  expect(await installation.stop()).toEqual([]);
});

it.each(scenarioNames)('%s', async (name) => {
  await runScenario(installation.client, name);
});
