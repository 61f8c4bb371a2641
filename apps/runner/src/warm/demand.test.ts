// Which containers are worth having ready.
import { expect, it } from 'vitest';
import { Demand, type WantedKey } from './demand.ts';

const HOUR_MS = 3_600_000;
const keyOf = (image: string): WantedKey => ({
  image,
  network: 'default',
  user: undefined,
  readonly: false,
});
const always = keyOf('default');

function demandAt(start = 0) {
  const time = { now: start };
  return { time, demand: new Demand(() => time.now) };
}
const images = (keys: readonly WantedKey[]) => keys.map(({ image }) => image);

it('wants what it is to have always as long as nobody asks for anything', () => {
  const { demand } = demandAt();
  expect(images(demand.wanted(2, always))).toEqual(['default', 'default']);
  expect(demand.wanted(0, always)).toEqual([]);
});

it('shares the places by how often each was asked for', () => {
  const { demand } = demandAt();
  for (let n = 0; n < 6; n += 1) demand.note(keyOf('often'), 'p');
  for (let n = 0; n < 3; n += 1) demand.note(keyOf('less'), 'q');
  expect(images(demand.wanted(3, always)).toSorted()).toEqual(['less', 'often', 'often']);
});

it('forgets what nobody has asked for in hours', () => {
  const { demand, time } = demandAt();
  demand.note(keyOf('once'), 'p');
  expect(images(demand.wanted(1, always))).toEqual(['once']);
  time.now = HOUR_MS;
  expect(images(demand.wanted(1, always))).toEqual(['default']);
});

it('remembers what the last job of a pipeline asked for', () => {
  const { demand } = demandAt();
  expect(demand.expects('p', { ...keyOf('a'), imageId: '1' })).toBeUndefined();
  demand.note(keyOf('a'), 'p');
  expect(demand.expects('p', { ...keyOf('a'), imageId: 'any' })).toBe(true);
  demand.note(keyOf('b'), 'p');
  expect(demand.expects('p', { ...keyOf('a'), imageId: 'any' })).toBe(false);
});

it('keeps a bounded number of keys, the latest ones', () => {
  const { demand } = demandAt();
  for (let n = 0; n < 1000; n += 1) demand.note(keyOf(`image-${n}`), `pipeline-${n}`);
  const wanted = images(demand.wanted(1000, always));
  expect(new Set(wanted).size).toBeLessThanOrEqual(65);
  expect(wanted).toContain('image-999');
  expect(wanted).not.toContain('image-0');
});
