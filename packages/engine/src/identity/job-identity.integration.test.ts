// Identity tokens in jobs: for declared audiences, passed on without being seen, fresh when asked.
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { RivetError, SecretText } from '@rivet/base';
import { createFakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { type RecordedJob, recordJob } from '../testing/job-recorder.ts';
import type { IdTokenIssuer } from './id-token-issuer.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

const AUDIENCE = 'sts.example.com';
const TOKEN = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJwaXBlbGluZTp0In0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';

/** Gives TOKEN with a number that counts, and notes what it was asked for. */
function issuer(expiresInMs = 600_000): IdTokenIssuer & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    async issue(audience) {
      asked.push(audience);
      return { token: new SecretText(`${TOKEN}-${asked.length}`), expiresInMs };
    },
  };
}

async function run(
  body: string,
  idTokens?: IdTokenIssuer,
): Promise<RecordedJob & { driver: ReturnType<typeof createFakeDriver>; text: string }> {
  const driver = createFakeDriver({ commands: () => ({ stdout: `it is ${TOKEN}-1\n` }) });
  const source = `return pipeline.define({ name = "t", id_tokens = { "${AUDIENCE}", "other" },
    stages = { { name = "s", script = function() ${body} end } } })`;
  const job = await recordJob({
    driver,
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: idTokens === undefined ? {} : { idTokens },
  });
  return { ...job, driver, text: job.lines.map((line) => line.text).join('\n') };
}

describe('job.id_token', () => {
  it('gives a value that commands get and nobody sees', async () => {
    const job = await run(
      `local token = job.id_token("${AUDIENCE}")
      print(token, type(token))
      process.run({ "login", env = { TOKEN = token } })
      print(secret.reveal(token))
      output.set("token", secret.reveal(token))`,
      issuer(),
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.driver.commands[0]!.env).toMatchObject({ TOKEN: `${TOKEN}-1` });
    expect(job.text).toContain('***\ttable');
    expect(job.text).toContain('it is ***');
    expect(job.text).toContain(`the identity token for ${AUDIENCE} was revealed to the script`);
    const told = JSON.stringify([job.lines, [...job.outputs], job.summary, job.outcome]);
    expect(told).not.toContain(TOKEN);
    expect(job.outputs.get('token')).toBe('***');
  });

  it('gives the same token while half of its life is left, and one for each audience', async () => {
    const fresh = issuer();
    const job = await run(
      `local a, b = job.id_token("${AUDIENCE}"), job.id_token("${AUDIENCE}")
      print(a == b, a == job.id_token("other"))`,
      fresh,
    );
    expect(job.text).toBe('true\tfalse');
    expect(fresh.asked).toEqual([AUDIENCE, 'other']);

    const short = issuer(0);
    await run(`job.id_token("${AUDIENCE}") job.id_token("${AUDIENCE}")`, short);
    expect(short.asked).toEqual([AUDIENCE, AUDIENCE]);
  });

  it('asks again after it could not be had', async () => {
    let asked = 0;
    const job = await run(`print(pcall(job.id_token, "other")) job.id_token("other")`, {
      async issue() {
        asked += 1;
        if (asked > 1) return { token: new SecretText(TOKEN), expiresInMs: 1000 };
        throw RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'http://x', reason: 'refused' });
      },
    });
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.text).toMatch(/^false\t.*http:\/\/x.*refused/);
  });

  it.each([
    [
      'job.id_token("sts.exmple.com")',
      'RIVET_ID_TOKEN_UNDECLARED',
      /sts\.exmple\.com.*sts\.example/,
    ],
    ['job.id_token("")', 'RIVET_ID_TOKEN_UNDECLARED', /audience ""/],
    ['job.id_token()', 'RIVET_CALL_ARGUMENT', /audience is nil/],
    ['job.id_token({})', 'RIVET_CALL_ARGUMENT', /audience is .*; expected a string/],
  ])('says what is wrong with %s', async (call, code, message) => {
    const asked = issuer();
    const job = await run(call, asked);
    expect(job.outcome).toMatchObject({ state: 'failed', code });
    expect(job.outcome.message).toMatch(message);
    expect(asked.asked).toEqual([]);
  });

  it('says that nobody vouches for a job without a server', async () => {
    const job = await run(`job.id_token("${AUDIENCE}")`);
    expect(job.outcome).toMatchObject({ state: 'failed', code: 'RIVET_ID_TOKEN_UNAVAILABLE' });
    expect(job.outcome.message).toMatch(/job\.id_token: no server runs this job/);
  });
});

it('the guide shows a pipeline that runs', async () => {
  const path = new URL('../../../../docs/guide/job-identity.md', import.meta.url);
  const [, source = ''] = /^```lua\n([^`]*)^```/m.exec(await readFile(path, 'utf8')) ?? [];
  const sent: string[] = [];
  const job = await recordJob({
    driver: createFakeDriver(),
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: {
      idTokens: issuer(),
      http: {
        async open(hop) {
          sent.push(`${hop.method} ${hop.url.href} ${Buffer.from(hop.body ?? '').toString()}`);
          const body = Readable.from([Buffer.from('{"auth":{"client_token":"hvs.0123"}}')]);
          return {
            status: 200,
            headers: new Map([['content-type', 'application/json']]),
            body,
            close: async () => void body.destroy(),
          };
        },
      },
    },
  });
  expect(job.outcome).toEqual({ state: 'succeeded' });
  expect(sent).toEqual([
    `POST https://vault.example.com/v1/auth/rivet/login {"role":"deploy","jwt":"${TOKEN}-1"}`,
  ]);
});
