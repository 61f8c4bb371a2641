// What the name of an image means in a job: looked up once, the same for all of its containers, and
// looked up again when what it meant is gone.
import { RivetError } from '@rivet/base';
import { createFakeDriver, type FakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, expect, it } from 'vitest';
import { recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine({ reuseProcesses: true });
afterAll(() => lua.close());

const IMAGE = 'localhost/tools:1';

/** The name stands for another image each time that it is looked up, as if somebody moved it. */
function movingDriver(isGone: (lookUp: number) => boolean = () => false): FakeDriver {
  const driver = createFakeDriver();
  const { ensureImage, start } = driver;
  let count = 0;
  return Object.assign(driver, {
    async ensureImage(...args: Parameters<typeof ensureImage>) {
      await ensureImage(...args);
      count += 1;
      return idOf(count);
    },
    async start(...args: Parameters<typeof start>) {
      const [{ image, imageId }] = args;
      if (imageId !== undefined && isGone(Number(imageId))) {
        const reason = 'somebody removed it';
        throw RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', { image, reason });
      }
      return await start(...args);
    },
  });
}

const idOf = (lookUp: number): string => String(lookUp).padStart(64, '0');

const run = (driver: FakeDriver, stages: string) =>
  recordJob({
    driver,
    lua,
    bundle: {
      main: 'pipeline.lua',
      files: { 'pipeline.lua': `return pipeline.define({ name = "t", stages = { ${stages} } })` },
    },
  });

const stage = (name: string, body = 'process.run({ "work", check = true })'): string =>
  `{ name = "${name}", container = "${IMAGE}", script = function() ${body} end },`;

it('is looked up once for all stages and containers of a job', async () => {
  const driver = movingDriver();
  const nested = `container.with("${IMAGE}", function() process.run({ "work", check = true }) end)`;
  const { outcome } = await run(driver, stage('a') + stage('b', nested) + stage('c'));
  expect(outcome).toEqual({ state: 'succeeded' });
  expect(driver.ensured).toEqual([{ image: IMAGE, pull: 'missing' }]);
  expect(driver.started.length).toBeGreaterThanOrEqual(3);
  expect(new Set(driver.started.map(({ imageId }) => imageId))).toEqual(new Set([idOf(1)]));
});

it('is looked up by each job for itself', async () => {
  const driver = movingDriver();
  await run(driver, stage('a'));
  await run(driver, stage('a'));
  expect(driver.started.map(({ imageId }) => imageId)).toEqual([idOf(1), idOf(2)]);
});

it('is looked up again where it is always to be fetched, and is that from then on', async () => {
  const driver = movingDriver();
  const always = `container.with({ image = "${IMAGE}", pull = "always" }, function()
    process.run({ "work", check = true }) end)`;
  const { outcome } = await run(driver, stage('a') + stage('b', always) + stage('c'));
  expect(outcome).toEqual({ state: 'succeeded' });
  expect(driver.ensured.map(({ pull }) => pull)).toEqual(['missing', 'always']);
  expect(driver.started.at(-1)?.imageId).toBe(idOf(2));
});

it('is looked up again when the image is gone, once', async () => {
  const driver = movingDriver((lookUp) => lookUp === 1);
  expect((await run(driver, stage('a') + stage('b'))).outcome).toEqual({ state: 'succeeded' });
  expect(driver.ensured).toHaveLength(2);
  expect(driver.started.map(({ imageId }) => imageId)).toEqual([idOf(2), idOf(2)]);

  const hopeless = movingDriver(() => true);
  const { outcome } = await run(hopeless, stage('a'));
  expect(outcome).toMatchObject({ state: 'failed', code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' });
  expect(hopeless.ensured).toHaveLength(2);
});
