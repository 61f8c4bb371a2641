// What a runner remembers of the stages of pipelines: the last time, of a bounded number.
import type { ClaimedJob } from '@rivet/protocol';
import { expect, it } from 'vitest';
import { PipelineNeeds } from './stage-needs.ts';

const jobOf = (pipeline: string, ...names: string[]) =>
  ({ pipeline, definition: { stages: names.map((name) => ({ name })) } }) as unknown as ClaimedJob;

it('expects a new stage to need a container, and one that is known to do as the last time', () => {
  const needs = new PipelineNeeds();
  needs.of('p').note('idle', false);
  expect(needs.of('p').expected('idle')).toBe(false);
  expect(needs.of('p').expected('new')).toBe(true);
  expect(needs.of('q').expected('idle')).toBe(true);
  needs.of('p').note('idle', true);
  expect(needs.of('p').expected('idle')).toBe(true);
});

it('says of a job whether any of its stages may need one', () => {
  const needs = new PipelineNeeds();
  for (const stage of ['a', 'b']) needs.of('p').note(stage, false);
  expect(needs.ofAny(jobOf('p', 'a', 'b'))).toBe(false);
  expect(needs.ofAny(jobOf('p', 'a', 'b', 'c'))).toBe(true);
  expect(needs.ofAny(jobOf('q', 'a'))).toBe(true);
});

it('forgets the pipelines that ran longest ago', () => {
  const needs = new PipelineNeeds();
  for (let n = 0; n <= 1000; n += 1) {
    needs.of(`p${n}`).note('a', false);
    needs.of('p0').note('a', false);
  }
  expect(needs.of('p0').expected('a')).toBe(false);
  expect(needs.of('p1').expected('a')).toBe(true);
  expect(needs.of('p1000').expected('a')).toBe(false);
});
