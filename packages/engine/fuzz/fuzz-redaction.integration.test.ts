// A part of the search for leaks with every run of the tests; fuzz/main.ts makes a million cases.
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { fuzzRedaction } from './fuzz-redaction.ts';

const CASES = 20_000;

it('20,000 random secrets, forms and cuts leak nothing and change nothing else', () => {
  const seed = randomInt(2 ** 32);
  process.stderr.write(`fuzz: ${CASES} cases from seed ${seed}\n`);
  const report = fuzzRedaction({ cases: CASES, seed });
  expect(report.cases).toBe(CASES);
  // Forms and shapes that are never written would prove nothing.
  expect(report.forms.size).toBeGreaterThan(25);
  expect(report.compared).toBeGreaterThan(CASES / 5);
}, 300_000);
