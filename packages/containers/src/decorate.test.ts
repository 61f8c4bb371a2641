// Whatever brings a command into a container passes what stands before it.
import { expect, it } from 'vitest';
import { withVariables } from './decorate.ts';
import type { CommandSpec } from './driver.ts';
import { createFakeDriver } from './fake/driver.ts';

it('commands are given the variables of their container, however they begin', async () => {
  const driver = createFakeDriver({ commands: () => ({ delayMs: 20 }) });
  const spec = {
    name: 'one',
    image: 'i:1',
    labels: {},
    env: {},
    mounts: [],
    workspace: '/workspace',
    network: 'none',
    user: undefined,
    entrypoint: [],
    privileged: false,
    controlDirectory: '/nowhere',
  };
  const container = withVariables(await driver.start(spec as never), { OF_JOB: '1' });
  const command = (id: string): CommandSpec => ({
    id,
    argv: [id],
    env: {},
    cwd: '/',
    stdin: undefined,
    keep: true,
  });
  const ignore = (): void => {};
  const first = await container.run(command('first'), ignore);
  const second = await (await first.prepareNext(command('second'), ignore))?.begun;
  const third = await (await second?.prepareNext(command('third'), ignore))?.begun;
  expect(await third?.exit).toMatchObject({ exitCode: 0 });
  const again = await container.attach(command('third'), ignore);
  if (typeof again === 'string') throw new Error(`the command is ${again}`);
  expect(await (await again.prepareNext(command('fourth'), ignore))?.begun).toBeUndefined();
  expect(driver.commands.map(({ id, env }) => [id, env.OF_JOB])).toEqual([
    ['first', '1'],
    ['second', '1'],
    ['third', '1'],
  ]);
});
