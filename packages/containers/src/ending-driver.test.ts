// What becomes of the containers of an attempt at its end, and when one cannot be ended.
import { describe, expect, it } from 'vitest';
import { decorateDriver } from './decorate.ts';
import type { Container, ContainerDriver, ContainerSpec } from './driver.ts';
import { endingDriver, type ReadyContainers } from './ending-driver.ts';
import { createFakeDriver } from './fake/driver.ts';
import { plainSpec } from './testing/plain-spec.ts';

const LABELS = { 'dev.rivet.owner': 'someone' };

function spec(name: string): ContainerSpec {
  return plainSpec({ name, image: 'base:latest', labels: LABELS, controlDirectory: '/control' });
}

function attempt(driver: ContainerDriver, slot?: ReadyContainers) {
  const left: string[] = [];
  const removedLabels: unknown[] = [];
  const counted = decorateDriver(driver, {
    removeLabelled: async (labels) => {
      removedLabels.push(labels);
      return 0;
    },
  });
  const ending = endingDriver(
    {
      driver: counted,
      slot,
      disposal: {
        addContainers: (names) => left.push(...names),
        settle: async () => undefined,
      },
      onStart: () => undefined,
    },
    LABELS,
  );
  return { ending, left, removedLabels };
}

describe('a driver that ends', () => {
  it('kills a container where it would be removed, and leaves its record to somebody else', async () => {
    const driver = createFakeDriver();
    const { ending, left, removedLabels } = attempt(driver);
    const container = await ending.start(spec('c1'));
    await container.remove();
    expect(left).toEqual(['c1']);
    expect(await ending.removeLabelled(LABELS)).toBe(0);
    expect(removedLabels).toEqual([]);
    expect(await container.isRunning()).toBe(false);
  });

  it('ends what nobody has removed', async () => {
    const { ending, left } = attempt(createFakeDriver());
    const container = await ending.start(spec('c1'));
    expect(await ending.removeLabelled(LABELS)).toBe(1);
    expect(left).toEqual(['c1']);
    expect(await container.isRunning()).toBe(false);
  });

  it('asks for what there is after a start that failed', async () => {
    const failing = decorateDriver(createFakeDriver(), {
      start: () => Promise.reject(new Error('no')),
    });
    const { ending, removedLabels } = attempt(failing);
    await expect(ending.start(spec('c1'))).rejects.toThrow('no');
    await ending.endAll();
    expect(removedLabels).toEqual([LABELS]);
  });

  it('leaves a container that stood ready and could not be killed to whoever removes the rest', async () => {
    const driver = createFakeDriver();
    const ready = await driver.start(spec('warm-1'));
    let fails = 1;
    const stubborn: Container = {
      ...ready,
      name: 'warm-1',
      async kill() {
        fails -= 1;
        if (fails >= 0) throw new Error('the storage is locked');
      },
    };
    let rest: Container[] = [stubborn];
    const { ending, left } = attempt(driver, {
      take: async () => rest.pop(),
      takeRest: () => rest,
    });
    await ending.start(spec('c1'));
    rest = [];
    await expect(ending.endAll()).rejects.toThrow('the storage is locked');
    expect(left).toEqual(['warm-1']);
    await ending.endAll();
    expect(left).toEqual(['warm-1', 'warm-1']);
  });
});
