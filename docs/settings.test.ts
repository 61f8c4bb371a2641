// The settings of the programs: a page names each of them, and no program takes one of another for
// a mistake, as all of them may be set for all programs together.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { settingWarnings as ofOrchestrator } from '../apps/orchestrator/src/config.ts';
import { settingWarnings as ofRunner } from '../apps/runner/src/config.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** The variables in the tables of settings of these files. */
function settingsOf(...paths: string[]): string[] {
  const names = paths.flatMap((path) => [
    ...read(path).matchAll(/^ {2}(RIVET_[A-Z_]+): \w+Setting/gm),
  ]);
  return names.map(([, name = '']) => name);
}

const orchestrator = settingsOf(
  'apps/orchestrator/src/config.ts',
  'apps/orchestrator/src/network-config.ts',
  'apps/orchestrator/src/oidc-config.ts',
  'apps/orchestrator/src/bootstrap-config.ts',
);
const runner = settingsOf('apps/runner/src/config.ts');
const cli = settingsOf('apps/cli/src/config.ts');

const all = Object.fromEntries([...orchestrator, ...runner, ...cli].map((name) => [name, '1']));

it('finds the settings of every program', () => {
  expect(orchestrator).toContain('RIVET_LEASE');
  expect(orchestrator).toContain('RIVET_LISTEN');
  expect(orchestrator).toContain('RIVET_OIDC_ISSUER');
  expect(runner).toContain('RIVET_RUNNER_NAME');
});

it('no program warns of a setting of another', () => {
  expect(ofOrchestrator(all)).toEqual([]);
  expect(ofRunner(all)).toEqual([]);
});

it.each([
  ['orchestrator', ofOrchestrator, 'RIVET_MIGRAT', 'RIVET_MIGRATE'],
  ['runner', ofRunner, 'RIVET_EARLY_STARD', 'RIVET_EARLY_START'],
])('the %s warns of what is nearly one of its own', (_, warnings, mistaken, meant) => {
  const [warning, ...more] = warnings({ ...all, [mistaken]: '1' });
  expect(warning).toContain(`${mistaken} is no setting of the`);
  expect(warning).toContain(`did you mean "${meant}"?`);
  expect(more).toEqual([]);
});

it('a page for operators says what each of them is', () => {
  const pages = ['docs/operating.md', 'docs/performance.md', 'docs/reference/cli.md'];
  for (const name of readdirSync(join(root, 'docs/operating')))
    pages.push(`docs/operating/${name}`);
  const text = pages.map(read).join('\n');
  // Families of them may be named together, as `RIVET_OIDC_…`.
  const families = [...text.matchAll(/`(RIVET_[A-Z_]+)…`/g)].map(([, prefix = '']) => prefix);
  const isNamed = (name: string): boolean =>
    text.includes(`\`${name}\``) || families.some((prefix) => name.startsWith(prefix));
  expect(Object.keys(all).filter((name) => !isNamed(name))).toEqual([]);
});
