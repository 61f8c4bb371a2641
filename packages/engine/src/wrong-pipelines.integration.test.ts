// The corpus of wrong pipelines: each with the exact words that its author reads.
import { readFileSync, writeFileSync } from 'node:fs';
import { RivetError, toRivetError } from '@rivet/base';
import { createFakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import {
  checkPipeline,
  type LuaSurface,
  lintBundle,
  readLuaSurface,
  renderIssues,
  renderWarnings,
} from '@rivet/pipeline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { coreModules, globalAliases } from './modules/registry.ts';
import { recordJob } from './testing/job-recorder.ts';

const path = new URL('./fixtures/wrong-pipelines.md', import.meta.url);
const page = readFileSync(path, 'utf8');
const CASE = /^## (?<title>.*)\n\n```lua\n(?<source>[^`]*)\n```\n\n```text\n(?<said>[^`]*)```$/gm;
const cases = [...page.matchAll(CASE)].map(({ groups }) => groups as Record<string, string>);
const updates = process.env.RIVET_UPDATE === '1';

const lua = createLuaEngine();
const modules = coreModules();
let surface: LuaSurface;
const answers = new Map<string, string>();
beforeAll(async () => {
  surface = await readLuaSurface(lua, { modules, globals: globalAliases });
});
afterAll(async () => {
  await lua.close();
  if (!updates) return;
  const updated = page.replaceAll(CASE, (block, ...rest) => {
    const { title = '', said = '' } = rest.at(-1) as Record<string, string>;
    return `${block.slice(0, block.length - said.length - 3)}${answers.get(title)}\`\`\``;
  });
  writeFileSync(path, updated);
});

/** What `rivet check` says of a file, and of one that is run what its log and its end say. */
async function said(title: string, source: string): Promise<string> {
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  // Where memory is what runs out, a busy machine may take long to fill it.
  const cpuMs = title.includes('memory') ? 60_000 : 500;
  const limits = { cpuMs, memoryBytes: 64 * 1024 * 1024 };
  const options = { modules, globals: globalAliases, limits };
  const checked = await checkPipeline(lua, bundle, options).catch(toRivetError);
  if (checked instanceof RivetError) return `error: ${checked.message}\n  ${checked.solve}`;
  const definition = checked.ok ? checked.definition : undefined;
  const warnings = renderWarnings(lintBundle(bundle, { surface, definition }));
  if (!checked.ok) return [warnings, renderIssues(checked.issues)].filter(Boolean).join('\n\n');
  if (!title.endsWith('(run)')) return warnings;
  const driver = createFakeDriver({
    commands: ({ argv }) => (argv.join(' ').includes('exit 3') ? { exitCode: 3 } : {}),
  });
  const { outcome, lines } = await recordJob({ driver, lua, bundle, limits: { lua: limits } });
  const log = lines
    .filter(({ level }) => level !== 'debug')
    .map(({ level, text }) => `${level}: ${text}`);
  const { reason, code, message } = outcome;
  return [...log, `the job ${outcome.state} (${reason}, ${code}): ${message}`].join('\n');
}

test('the corpus has at least eighty cases', () => {
  expect(cases.length).toBeGreaterThanOrEqual(80);
  expect(cases.length).toBe([...page.matchAll(/^## /gm)].length);
});

test.each(cases)('$title', async ({ title = '', source = '', said: expected }) => {
  const text = `${await said(title, source)}\n`.replaceAll('`', "'");
  answers.set(title, text);
  expect(text.trim(), 'something is said').not.toBe('');
  expect(text, 'a defect of ours is no answer').not.toMatch(/RIVET_(LUA_PROCESS|INTERNAL)/);
  if (!updates) expect(text).toBe(expected);
});
