// What a container does when its end fails.
import * as processes from '@rivet/processes';
import { expect, onTestFinished, test, vi } from 'vitest';
import { plainSpec } from '../testing/plain-spec.ts';
import type { CommandChannel } from './command-channel.ts';
import { PodmanContainer } from './container.ts';
import type { ProcessLimit } from './process-limit.ts';

test('a container that could not be killed is killed when that is asked for again', async () => {
  // As for a process of another user.
  const killProcess = vi.spyOn(processes, 'killProcess').mockResolvedValue(false);
  onTestFinished(() => void killProcess.mockRestore());
  const close = vi.fn(async () => undefined);
  const remove = vi
    .fn<() => Promise<void>>()
    .mockRejectedValueOnce(new Error('the storage is locked'))
    .mockResolvedValue(undefined);
  const container = new PodmanContainer({
    spec: plainSpec({ image: 'a', labels: {}, controlDirectory: '/none' }),
    channel: { close } as Partial<CommandChannel> as CommandChannel,
    main: { pid: 1, startTicks: 0, bootId: '' },
    processLimit: {} as ProcessLimit,
    remove,
    describeEnd: async () => '',
  });
  await expect(container.kill()).rejects.toThrow('the storage is locked');
  await container.kill();
  expect(remove).toHaveBeenCalledTimes(2);
  expect(close).toHaveBeenCalledOnce();
});
