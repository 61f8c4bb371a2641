// What a runner makes of containers that do not start.
import { RivetError, silentLogger } from '@rivet/base';
import type { ContainerSpec, DriverFinding } from '@rivet/containers';
import { expect, it } from 'vitest';
import { memoryDriver, until } from './fake-host.ts';
import { PodmanWatch } from './podman-watch.ts';

const spec = { name: 'c', image: 'secret-name' } as ContainerSpec;
const broken = RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', {
  action: 'start a container of secret-name',
  reason: 'storage',
});
const finding: DriverFinding = { subject: 'podman', ok: false, seen: 'it hangs', fix: undefined };

function setUp(probes: (readonly DriverFinding[])[]) {
  const machine: { fault: unknown } = { fault: broken };
  const fails = async (): Promise<never> => {
    throw machine.fault;
  };
  const plain = memoryDriver();
  const driver = {
    ...plain,
    start: async (...call: Parameters<typeof plain.start>) =>
      machine.fault === undefined ? plain.start(...call) : fails(),
    ensureImage: fails,
  };
  const seen: (string | undefined)[] = [];
  const pauses: number[] = [];
  const watch: PodmanWatch = new PodmanWatch({
    driver,
    probe: async () => probes.shift() ?? [],
    logger: silentLogger,
    onChange: () => seen.push(watch.problem),
    pause: async (ms) => void pauses.push(ms),
  });
  return { watch, seen, pauses, machine };
}

it('a container that does not start makes it doubt, until one of its own does', async () => {
  const { watch, seen, pauses } = setUp([[finding], [finding], []]);
  await expect(watch.driver.start(spec)).rejects.toBe(broken);
  await until(() => seen.length === 3);
  expect(seen).toEqual([
    'its Podman has just failed (RIVET_CONTAINER_PODMAN_FAILED) and is being tried',
    'its Podman does not work (podman: it hangs)',
    undefined,
  ]);
  expect(pauses).toHaveLength(2);
  expect(pauses.every((ms) => ms >= 500 && ms < 3_500)).toBe(true);
});

it('images that cannot be asked for are a reason too', async () => {
  const { watch, seen } = setUp([]);
  await expect(watch.driver.ensureImage('a', { pull: 'missing' })).rejects.toBe(broken);
  await until(() => seen.length === 2);
});

it.each([
  [
    'an image that is not there',
    RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', { image: 'a', reason: 'b' }),
  ],
  [
    'an image without a shell',
    RivetError.of('RIVET_CONTAINER_NO_SHELL', { image: 'a', reason: 'b' }),
  ],
])('%s is no fault of the machine', async (_, fault) => {
  const { watch, seen, machine } = setUp([]);
  machine.fault = fault;
  await expect(watch.driver.start(spec)).rejects.toBe(fault);
  expect(seen).toEqual([]);
});

it('a start that was given up says nothing about the machine', async () => {
  const { watch, seen } = setUp([]);
  await expect(watch.driver.start(spec, AbortSignal.abort())).rejects.toBe(broken);
  expect(seen).toEqual([]);
});

it('starts that fail again and again wait longer, whatever the probe says', async () => {
  const { watch, pauses, machine } = setUp([]);
  for (let n = 0; n < 3; n += 1) {
    await expect(watch.driver.start(spec)).rejects.toBe(broken);
    await until(() => watch.problem === undefined);
  }
  expect(pauses).toHaveLength(2);
  machine.fault = undefined;
  await watch.driver.start(spec);
  machine.fault = broken;
  await expect(watch.driver.start(spec)).rejects.toBe(broken);
  await until(() => watch.problem === undefined);
  expect(pauses).toHaveLength(2);
});

it('a stop ends the tries', async () => {
  const { watch } = setUp(Array.from({ length: 1000 }, () => [finding]));
  await expect(watch.driver.start(spec)).rejects.toBe(broken);
  await watch.stop();
  expect(watch.problem).toBeDefined();
});
