// What ended jobs left is removed a little later, containers before directories, and all of it.
import { silentLogger } from '@rivet/base';
import { expect, it } from 'vitest';
import { Disposal, type DisposalOptions } from './disposal.ts';
import { until } from './fake-host.ts';

function makeDisposal(fail = false, later?: DisposalOptions['later']) {
  const events: string[] = [];
  const act = async (event: string): Promise<void> => {
    events.push(event);
    if (fail) throw new Error('busy');
  };
  const disposal = new Disposal({
    driver: {
      removeNamed: (names) => act(`rm ${names.join(' ')}`),
      removeTree: (path) => act(`tree ${path}`),
    },
    logger: silentLogger,
    ...(later !== undefined && { later }),
  });
  return { disposal, events };
}

it('removes what comes together in one call, and directories after their containers', async () => {
  const { disposal, events } = makeDisposal();
  disposal.addDirectory('/jobs/1');
  disposal.addContainers(['a', 'b']);
  disposal.addContainers(['b', 'c']);
  expect(events).toEqual([]);
  await disposal.settle();
  expect(events).toEqual(['rm a b c', 'tree /jobs/1']);
});

it('removes without being told to when it has been quiet for a while', async () => {
  const { disposal, events } = makeDisposal();
  disposal.addContainers(['a']);
  await until(() => events.length === 1);
  disposal.addContainers(['b']);
  await until(() => events.length === 2);
  expect(events).toEqual(['rm a', 'rm b']);
});

it('goes on after what cannot be removed', async () => {
  const { disposal, events } = makeDisposal(true);
  disposal.addContainers(['a']);
  disposal.addDirectory('/jobs/1');
  disposal.addDirectory('/jobs/2');
  await disposal.settle();
  expect(events).toEqual(['rm a', 'tree /jobs/1', 'tree /jobs/2']);
});

it('tries again what could not be removed, later and when it is told to settle', async () => {
  const plans: (() => void)[] = [];
  const removed: string[] = [];
  let isBroken = true;
  const act = async (event: string): Promise<void> => {
    if (isBroken) throw new Error('busy');
    removed.push(event);
  };
  const disposal = new Disposal({
    driver: { removeNamed: (names) => act(names.join(' ')), removeTree: act },
    logger: silentLogger,
    later: (again) => plans.push(again),
  });
  disposal.addContainers(['a']);
  disposal.addDirectory('/jobs/1');
  await disposal.settle();
  expect(plans).toHaveLength(1);
  plans[0]?.();
  await until(() => plans.length === 2);
  isBroken = false;
  plans[1]?.();
  await until(() => removed.length === 2);
  isBroken = true;
  disposal.addContainers(['b']);
  await disposal.settle();
  isBroken = false;
  await disposal.settle();
  expect(removed).toEqual(['a', '/jobs/1', 'b']);
});

it('gives up what cannot be removed for a long time, until the next start', async () => {
  const plans: (() => void)[] = [];
  const { disposal } = makeDisposal(true, (again) => plans.push(again));
  disposal.addDirectory('/jobs/1');
  await disposal.settle();
  for (let n = 0; n < 25; n += 1) {
    plans[n]?.();
    await disposal.settle();
  }
  expect(plans).toHaveLength(20);
});

it('tries what is new again, also when something else was given up', async () => {
  const plans: (() => void)[] = [];
  const { disposal, events } = makeDisposal(true, (again) => plans.push(again));
  disposal.addDirectory('/jobs/1');
  await disposal.settle();
  for (let n = 0; n < 20; n += 1) {
    plans[n]?.();
    await disposal.settle();
  }
  disposal.addDirectory('/jobs/2');
  await disposal.settle();
  plans[20]?.();
  await disposal.settle();
  expect(events.slice(20)).toEqual(['tree /jobs/1', 'tree /jobs/2', 'tree /jobs/2']);
});

it('has nothing to settle when nothing was added', async () => {
  await makeDisposal().disposal.settle();
});

it('forgets nothing that comes in the moment in which a round ends', async () => {
  for (let turns = 0; turns < 8; turns += 1) {
    const removed: string[] = [];
    const disposal: Disposal = new Disposal({
      driver: {
        removeNamed: async () => undefined,
        removeTree: async (path) => {
          removed.push(path);
          if (path === '/jobs/1') void addAfter(turns);
        },
      },
      logger: silentLogger,
    });
    const addAfter = async (count: number): Promise<void> => {
      for (let turn = 0; turn < count; turn += 1) await undefined;
      disposal.addDirectory('/jobs/2');
    };
    disposal.addDirectory('/jobs/1');
    await disposal.settle();
    for (let turn = 0; turn <= turns; turn += 1) await undefined;
    await disposal.settle();
    expect(removed, `${turns} turns later`).toContain('/jobs/2');
  }
});
