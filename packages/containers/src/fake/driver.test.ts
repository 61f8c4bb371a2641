// The fake driver passes the suite of all drivers, and keeps what its users ask it about.
import { expect, it } from 'vitest';
import { actConformanceCommand, describeDriver } from '../driver-conformance.ts';
import { plainSpec } from '../testing/plain-spec.ts';
import { createFakeDriver } from './driver.ts';

const SPEC = plainSpec({
  name: 'one',
  image: 'alpine',
  labels: { job: '1' },
  env: { A: '1' },
  network: 'default',
  controlDirectory: '/nowhere',
});
const COMMAND = { id: 'c1', argv: ['make'], env: { B: '2' }, cwd: '/workspace', stdin: undefined };

describeDriver('the fake driver', {
  create: () => createFakeDriver({ commands: actConformanceCommand, images: ['base:latest'] }),
  successor: (driver) => driver,
  image: 'base:latest',
  missingImage: 'missing:latest',
});

it('keeps the containers, commands and images it was asked for', async () => {
  const driver = createFakeDriver();
  await driver.ensureImage('alpine', { pull: 'always' });
  const container = await driver.start(SPEC);
  await (await container.run(COMMAND, () => undefined)).exit;
  expect(driver.ensured).toEqual([{ image: 'alpine', pull: 'always' }]);
  expect(driver.started).toEqual([SPEC]);
  expect(driver.running).toEqual(['one']);
  expect(driver.commands).toMatchObject([{ argv: ['make'], env: { A: '1', B: '2' } }]);
  await container.remove();
  expect(driver.running).toEqual([]);
});

it('lets a container vanish under its commands', async () => {
  const driver = createFakeDriver({ commands: () => ({ delayMs: Number.POSITIVE_INFINITY }) });
  const container = await driver.start(SPEC);
  const running = await container.run(COMMAND, () => undefined);
  driver.lose('one', 'somebody removed it');
  await expect(running.exit).rejects.toMatchObject({
    code: 'RIVET_CONTAINER_LOST',
    message: expect.stringContaining('somebody removed it'),
  });
});

it('ends a delayed command early when it is signalled', async () => {
  const driver = createFakeDriver({ commands: () => ({ delayMs: 60_000 }) });
  const running = await (await driver.start(SPEC)).run(COMMAND, () => undefined);
  await running.signal('INT');
  expect(await running.exit).toMatchObject({ exitCode: 130, signal: 'SIGINT' });
});
