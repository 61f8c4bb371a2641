// Holds docs/reference/permissions.md equal to the code, and the rules to each other.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type RouteName, routes } from '@rivet/protocol';
import { expect, test } from 'vitest';
import { renderPermissionsPage } from './permissions-page.ts';
import { routeRules, ruleOf } from './route-rules.ts';

test('docs/reference/permissions.md is made from the code (mend with: npm run docs)', () => {
  const path = resolve(import.meta.dirname, '../../../../docs/reference/permissions.md');
  expect(readFileSync(path, 'utf8')).toBe(renderPermissionsPage());
});

test('there is a route of each kind', () => {
  const used = new Set((Object.keys(routes) as RouteName[]).map(ruleOf));
  expect([...used].sort()).toEqual(Object.keys(routeRules).sort());
});

test('only public routes answer those who are not signed in', () => {
  for (const [rule, { answers }] of Object.entries(routeRules)) {
    expect(answers.nobody).toBe(rule === 'public' ? 'ok' : '401');
    expect(answers.wrong).toBe(answers.nobody);
  }
});
