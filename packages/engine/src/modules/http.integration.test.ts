// The module `http` as scripts see it: real Lua, a real job, and a server on loopback.
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { createFakeDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { givenSecrets } from '../secrets/secret-provider.ts';
import { LOOPBACK, serveHttp, type TestServer } from '../testing/http-client.ts';
import { type RecordedJob, type RecordOptions, recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine();
const TEN_MB = 10 * 1024 * 1024;
const TOKEN = 'tok-9f8e7d6c5b4a';
let server: TestServer;
let seen: { method: string; path: string; headers: IncomingMessage['headers']; body: string }[];

beforeAll(async () => {
  server = await serveHttp(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    seen.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    if (path === '/slow') return;
    if (path === '/json') response.end('{"items":[1,null],"name":"é"}');
    else if (path === '/bytes') response.end(Buffer.from([0, 255, 10]));
    else if (path.startsWith('/fill/')) response.end(Buffer.alloc(TEN_MB, Number(path.slice(6))));
    else if (path === '/echo') response.end(headers.authorization);
    else if (path === '/missing') response.writeHead(404).end(`no ${headers.authorization}`);
    else response.writeHead(200, { 'Set-Cookie': ['a=1', 'b=2'], 'X-A': ['1', '2'] }).end('hello');
  });
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  await lua.close();
  await server.close();
});

interface Options extends Partial<RecordOptions> {
  readonly fields?: string;
  readonly stage?: string;
}

/** Runs a job with one stage that has this script; `URL` is the server. */
async function run(body: string, options: Options = {}): Promise<RecordedJob & { text: string }> {
  const { fields = '', stage = '', ...rest } = options;
  const source = `local URL = "${server.url}"
return pipeline.define({ name = "t", secrets = { "TOKEN" }, ${fields} stages = {
{ name = "s", ${stage} script = function() ${body} end } } })`;
  const job = await recordJob({
    driver: createFakeDriver(),
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: {
      policy: { http: { allow: LOOPBACK } },
      secrets: givenSecrets(new Map([['TOKEN', TOKEN]])),
    },
    ...rest,
  });
  return { ...job, text: job.lines.map((line) => line.text).join('\n') };
}

describe('http', () => {
  it('gives status, headers, body, JSON, URL and time of an answer', async () => {
    const job = await run(`
      local r = http.get(URL .. "/x", { query = { a = 1 } })
      output.set("r", { r.status, r.ok, r.body, r.headers["x-a"], r.headers["set-cookie"], r.url })
      assert(r.duration_ms >= 0 and r.nothing == nil)
      local j = http.get(URL .. "/json").json()
      output.set("j", { j.items[1], j.items[2] == json.null, j.name })
      output.set("b", #http.get(URL .. "/bytes").body)`);
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.outputs).toEqual(
      new Map<string, unknown>([
        ['r', [200, true, 'hello', '1, 2', 'a=1\nb=2', `${server.url}/x?a=1`]],
        ['j', [1, true, 'é']],
        ['b', 3],
      ]),
    );
  });

  it.each([
    ['text', 97],
    ['control characters, which JSON writes long', 1],
    ['bytes that are no text', 255],
  ])('gives a script the largest answer there may be, of %s', async (_, byte) => {
    const job = await run(`output.set("n", #http.get(URL .. "/fill/${byte}").body)`);
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.outputs.get('n')).toBe(TEN_MB);
  });

  it('sends every method, with JSON, forms, text and bytes', async () => {
    await run(`
      http.head(URL) http.put(URL, { body = "t\\0\\xff" }) http.patch(URL, { json = { a = json.null } })
      http.delete(URL) http.post(URL, { form = { x = { 1, 2 } } })
      http.request({ method = "OPTIONS", url = URL })`);
    expect(seen.map(({ method, body }) => [method, body])).toEqual([
      ['HEAD', ''],
      ['PUT', 't\0�'],
      ['PATCH', '{"a":null}'],
      ['DELETE', ''],
      ['POST', 'x=1&x=2'],
      ['OPTIONS', ''],
    ]);
  });

  it('sends secrets and shows them nowhere, not even when the server sends them back', async () => {
    const job = await run(`
      local token = secret.get("TOKEN")
      log.info(http.get(URL .. "/echo?t=1", { bearer = token }).body)
      http.post(URL, { json = { token = token }, headers = { ["X-Key"] = token } })
      http.get(URL .. "/missing", { bearer = token })`);
    expect(seen[0]!.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(seen[1]).toMatchObject({ body: `{"token":"${TOKEN}"}`, headers: { 'x-key': TOKEN } });
    expect(job.outcome).toMatchObject({ state: 'failed', code: 'RIVET_HTTP_STATUS' });
    expect(job.text + JSON.stringify(job.outcome)).not.toContain(TOKEN);
    expect(job.text).toContain('was answered with 404 Not Found:\nno Bearer ***');
  });

  it('raises errors that name the request, the place and what to do', async () => {
    const job = await run(`\nhttp.get(URL .. "/missing")`);
    expect(job.outcome.message).toContain(
      `pipeline.lua:4: GET ${server.url}/missing was answered with 404 Not Found`,
    );
    expect(job.text).toContain('pass `check = false` and look at `status`');
  });

  it('leaves a status of 400 and above to the script with check = false', async () => {
    const job = await run(`
      local r = http.get(URL .. "/missing", { check = false })
      assert(r.status == 404 and not r.ok and r.body:find("no"))
      local ok, problem = pcall(http.get, URL .. "/missing")
      assert(not ok and tostring(problem):find("404 Not Found"))`);
    expect(job.outcome).toEqual({ state: 'succeeded' });
  });

  it('logs a line at debug for each request, without its query', async () => {
    const job = await run(`http.get(URL .. "/x?key=abc")`);
    expect(job.lines).toMatchObject([
      {
        level: 'debug',
        stream: 'system',
        stage: 's',
        text: expect.stringMatching(/\/x\?… → 200 in/),
      },
    ]);
  });

  it('names options and functions that are meant', async () => {
    const job = await run(`http.get(URL, { querry = {} })`);
    expect(job.outcome.message).toContain('http.get has no option "querry"; did you mean "query"?');
    const other = await run('http.get(URL, { query = { a = {} } }) http.get({ url = URL })');
    expect(other.outcome.message).toContain('http.get: url is a table; expected a string');
  });

  it('takes the exit code of a command that is put into JSON as looked at', async () => {
    const driver = createFakeDriver({ commands: () => ({ exitCode: 3 }) });
    const job = await run('http.post(URL, { json = process.run({ "x" }) })', { driver });
    expect(JSON.parse(seen[0]!.body)).toMatchObject({ exit_code: 3 });
    expect(job.text).not.toContain('nothing looked at it');
  });

  it('is refused in a condition', async () => {
    const job = await run('', { stage: 'condition = function() return http.get(URL).ok end,' });
    expect(job.outcome.message).toContain('http.get may not be called in the condition of a stage');
    expect(seen).toEqual([]);
  });

  it('stops when the job is canceled', async () => {
    const controller = new AbortController();
    const before = performance.now();
    const job = await run('log.info("asking") http.get(URL .. "/slow")', {
      signal: controller.signal,
      onLine: ({ text }) => void (text === 'asking' && setTimeout(() => controller.abort(), 50)),
    });
    expect(job.outcome).toMatchObject({ state: 'canceled' });
    expect(performance.now() - before).toBeLessThan(20_000);
  });
});

describe('policy.http', () => {
  it('of the installation refuses addresses that are not public, whatever the pipeline says', async () => {
    const before = server.connections();
    const job = await run('http.get(URL)', {
      fields: 'policy = { http = { allow = { "127.0.0.1" } } },',
      host: { policy: {} },
    });
    expect(job.outcome).toMatchObject({ code: 'RIVET_HTTP_ADDRESS' });
    expect(job.outcome.message).toContain('is 127.0.0.1, a loopback address');
    expect(server.connections()).toBe(before);
    expect(seen).toEqual([]);
  });

  it('of the pipeline and of a stage narrow it', async () => {
    const fields = 'policy = { http = { allow = { "api.example.com" } } },';
    const stage = 'policy = { http = { deny = { "127.0.0.0/8" } } },';
    for (const [options, owner] of [
      [{ fields }, 'pipeline'],
      [{ stage }, 'stage'],
    ] as const) {
      const job = await run('http.get(URL)', options);
      expect(job.outcome.message).toContain(`the policy of the ${owner} does not allow 127.0.0.1:`);
    }
    expect(seen).toEqual([]);
  });

  it('holds requests back that come faster than its rate', async () => {
    const before = performance.now();
    const job = await run('for _ = 1, 13 do http.get(URL) end', {
      fields: 'policy = { http = { rate = 10 } },',
    });
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(seen).toHaveLength(13);
    expect(performance.now() - before).toBeGreaterThan(290);
  });

  it('with a rule that is none is a mistake of the definition', async () => {
    const job = await run('', { fields: 'policy = { http = { allow = { "https://a.com/" } } },' });
    expect(job.text + job.outcome.message).toContain(
      'policy.http.allow[1]: allow[1] is not a rule about hosts',
    );
  });
});

describe('http.download', () => {
  it('puts a file into the workspace, where commands and fs find it', async () => {
    const job = await run(
      `local d = http.download(URL .. "/bytes", "/workspace/out/b", { parents = true, mode = "0755" })
       output.set("d", { d.status, d.ok, d.bytes, d.sha256 == fs.sha256("out/b") })`,
      {
        async inspect({ workspace }) {
          expect(readFileSync(join(workspace, 'out/b'))).toEqual(Buffer.from([0, 255, 10]));
          expect(readdirSync(join(workspace, 'out'))).toEqual(['b']);
        },
      },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.outputs.get('d')).toEqual([200, true, 3, true]);
  });

  it('is refused in a readonly stage, before anything is asked', async () => {
    const job = await run('http.download(URL, "a")', { stage: 'readonly = true,' });
    expect(job.outcome).toMatchObject({ code: 'RIVET_FS_READONLY' });
    expect(seen).toEqual([]);
  });

  it('does not leave the workspace', async () => {
    const job = await run('http.download(URL, "/etc/cron.d/x")');
    expect(job.outcome).toMatchObject({ code: 'RIVET_FS_OUTSIDE' });
    expect(seen).toEqual([]);
  });
});

it('a plugin reaches no more than its pipeline: what is not public is refused', async () => {
  const urls = [`${server.url}/json`, 'http://169.254.169.254/latest/', 'http://0x7f.1/'];
  const job = await recordJob({
    driver: createFakeDriver(),
    lua,
    bundle: {
      main: 'pipeline.lua',
      files: {
        'plugins/fetch/plugin.lua': `return { name = "fetch", version = "1.0.0",
          needs = { modules = { "http" } },
          functions = { get = function(url) return http.get(url).body end } }`,
        'pipeline.lua': `local fetch = require("fetch")
          return pipeline.define({ name = "t", plugins = { "fetch" }, stages = { { name = "s",
            script = function()
              for i, url in ipairs({ ${urls.map((url) => `"${url}"`).join(', ')} }) do
                local ok, problem = pcall(fetch.get, url)
                output.set("u" .. i, ok and "reached" or tostring(problem))
              end
            end } } })`,
      },
    },
  });
  expect(job.outcome).toEqual({ state: 'succeeded' });
  expect([...job.outputs.values()]).toEqual(
    urls.map(() => expect.stringContaining('not on the public internet')),
  );
  expect(seen).toEqual([]);
});
