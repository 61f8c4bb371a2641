// The examples of docs/guide/http.md run, against a network of their own.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createFakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { givenSecrets } from '../secrets/secret-provider.ts';
import { recordJob } from '../testing/job-recorder.ts';
import type { OpenExchange } from './exchange.ts';

const page = readFileSync(new URL('../../../../docs/guide/http.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/^```lua( pipeline)?\n([^`]*)^```/gm)].map(
  ([, pipeline, source = '']) => ({
    first: source.split('\n', 1)[0] ?? '',
    source: pipeline === undefined ? inPipeline(source) : source,
  }),
);

function inPipeline(script: string): string {
  return `return pipeline.define({ name = "t", secrets = { "CI_TOKEN", "CHAT_HOOK" },
    stages = { { name = "s", script = function()\n${script}\nend } } })`;
}

const secrets = givenSecrets(
  new Map([
    ['CI_TOKEN', 'ci-token-0123456789'],
    ['CHAT_HOOK', 'https://hooks.chat.example/T0123456789'],
  ]),
);

const lua = createLuaEngine();
afterAll(() => lua.close());

describe('docs/guide/http.md', () => {
  it('has examples', () => {
    expect(examples).toHaveLength(6);
  });

  it.each(examples)('shows what works: $first', async ({ source }) => {
    const asked: string[] = [];
    const open: OpenExchange = async ({ method, url }) => {
      asked.push(`${method} ${url.host}`);
      return {
        status: url.pathname.includes('/releases/') ? 404 : 200,
        headers: new Map(),
        body: Readable.from([Buffer.from('{"state":"green"}')], { objectMode: false }),
        close: async () => {},
      };
    };
    const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
    const driver = createFakeDriver();
    const job = await recordJob({ driver, lua, bundle, host: { http: { open }, secrets } });
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(asked.length).toBeGreaterThan(0);
  });
});
