// The guide's examples: each is evaluated, and what it shows is what comes out.
import { readFileSync } from 'node:fs';
import { createLuaEngine, type LuaEngine } from '@rivet/lua';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPipeline } from './evaluation/evaluate-pipeline.ts';
import { renderIssues } from './render-issues.ts';

const page = readFileSync(new URL('../../../docs/guide/pipelines.md', import.meta.url), 'utf8');
const good = [...page.matchAll(/^```lua\n([^`]*)^```/gm)].map(([, source = '']) => ({
  name: /name = "([^"]*)"|builder\(\)/.exec(source)?.[0] ?? source,
  source,
}));
const wrong = [...page.matchAll(/^```lua wrong\n([^`]*)^```\n\n^```text\n([^`]*)^```/gm)].map(
  ([, source = '', text = '']) => ({ source, text }),
);

let engine: LuaEngine;
beforeAll(() => {
  engine = createLuaEngine();
});
afterAll(() => engine.close());

async function shown(source: string): Promise<string> {
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  const checked = await checkPipeline(engine, bundle, { modules: [] });
  return checked.ok ? 'valid' : renderIssues(checked.issues);
}

describe('docs/guide/pipelines.md', () => {
  test('has examples', () => {
    expect(good.length).toBeGreaterThanOrEqual(6);
    expect(wrong).toHaveLength(1);
  });

  test.each(good)('shows a pipeline that is valid: $name', async ({ source }) => {
    expect(await shown(source)).toBe('valid');
  });

  test.each(wrong)('shows mistakes as they are told', async ({ source, text }) => {
    expect(`${await shown(source)}\n`).toBe(text);
  });
});
