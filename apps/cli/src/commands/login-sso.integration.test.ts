// `rivet login --sso` with a browser that is a script, and a server that is a stand-in.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliRun, cli } from '../testing/run-cli.ts';

const CODE = `code-${'c'.repeat(40)}`;

let directory: string;
let server: Server;
let url: string;
let exchanged: unknown[];
/** What the provider sends the browser back with. */
let comeBack: (start: URLSearchParams) => string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-sso-'));
  await writeFile(join(directory, 'config'), '{}');
  exchanged = [];
  comeBack = (start) => [
    `${start.get('cli_redirect')}?${new URLSearchParams({ code: CODE, state: start.get('cli_state') ?? '' })}`,
  ];
  server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
    const answer = (status: number, body: unknown, headers = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    };
    switch (pathname) {
      case '/api/auth/options':
        return answer(200, { oidc: { name: 'Example' } });
      case '/api/auth/oidc/start':
        return answer(200, comeBack(searchParams), {
          'x-challenge': searchParams.get('cli_challenge'),
        });
      case '/api/auth/oidc/exchange':
        exchanged.push(await json(request));
        return answer(200, {
          access_token: 'access-token-of-ada',
          token_type: 'Bearer',
          expires_in: 600,
          refresh_token: 'rvf_of-ada',
        });
      case '/api/auth/me':
        expect(request.headers.authorization).toBe('Bearer access-token-of-ada');
        return answer(200, {
          id: '1',
          name: 'ada',
          role: 'user',
          permissions: [],
          teams: [],
          via: 'session',
          via_id: '2',
        });
      default:
        return answer(404, {});
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // Goes where the provider sends it, and notes what it was answered.
  await writeFile(
    join(directory, 'browser'),
    `#!${process.execPath}
    const { writeFileSync } = require('node:fs');
    (async () => {
      const start = await fetch(process.argv[2]);
      const seen = [{ challenge: start.headers.get('x-challenge'), token: process.env.RIVET_TOKEN }];
      for (const place of await start.json()) {
        const answer = await fetch(place);
        seen.push({ status: answer.status, text: await answer.text() });
      }
      writeFileSync(${JSON.stringify(join(directory, 'seen'))}, JSON.stringify(seen));
    })();`,
    { mode: 0o755 },
  );
});

afterEach(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

const login = (...args: string[]): CliRun =>
  cli('login', url, '--sso', ...args)
    .in(directory)
    .env({
      RIVET_CONFIG: join(directory, 'config'),
      BROWSER: join(directory, 'browser'),
      RIVET_TOKEN: '',
    });
const seen = async (): Promise<{ status: number; text: string; challenge: string }[]> => {
  const path = join(directory, 'seen');
  await expect.poll(() => readFile(path, 'utf8').catch(() => ''), { timeout: 30_000 }).not.toBe('');
  return JSON.parse(await readFile(path, 'utf8'));
};

describe('rivet login --sso', () => {
  it('opens the browser, waits for it, and takes the tokens with its verifier', async () => {
    const { stdout, stderr } = await login()
      .exits(0)
      .stdout(/as ada \(user\)/)
      .stderr(/Sign in at Example in your browser:\n {2}http:\/\//)
      .run();
    const [{ challenge } = { challenge: '' }, page] = await seen();
    expect(page).toEqual({ status: 200, text: 'You are signed in. You can close this window.\n' });
    expect(exchanged).toEqual([{ code: CODE, verifier: expect.stringMatching(/^[\w-]{43}$/) }]);
    const { verifier } = exchanged[0] as { verifier: string };
    expect(createHash('sha256').update(verifier).digest('base64url')).toBe(challenge);
    expect(stdout + stderr).not.toMatch(new RegExp(`${verifier}|access-token|rvf_|${CODE}`));
    const { contexts, context } = JSON.parse(await readFile(join(directory, 'config'), 'utf8'));
    expect(contexts[context]).toMatchObject({ user: 'ada', refresh_token: 'rvf_of-ada' });
  });

  it('goes on waiting when somebody else knocks: a wrong state, another path or host', async () => {
    const good = comeBack;
    comeBack = (start) => {
      const redirect = start.get('cli_redirect') ?? '';
      return [
        `${redirect}?code=stolen&state=wrong`,
        `${redirect}?code=stolen`,
        `${new URL(redirect).origin}/other?code=stolen&state=${start.get('cli_state')}`,
        `${redirect.replace('127.0.0.1', 'localhost')}?code=stolen&state=${start.get('cli_state')}`,
        ...good(start),
      ];
    };
    await login().exits(0).run();
    const [, ...pages] = await seen();
    expect(pages.map((page) => page.status)).toEqual([404, 404, 404, 404, 200]);
    expect(exchanged).toMatchObject([{ code: CODE }]);
  });

  it('says what the provider said when it did not work', async () => {
    comeBack = (start) => [
      `${start.get('cli_redirect')}?state=${start.get('cli_state')}&error=access_denied%1b%5b2J`,
    ];
    const { stderr } = await login()
      .exits(5)
      .stderr(/did not work: access_denied/)
      .run();
    expect(stderr).not.toContain('\u001b[2J');
    expect(exchanged).toEqual([]);
    expect(await readFile(join(directory, 'config'), 'utf8')).toBe('{}');
  });

  it('takes no password', async () => {
    await login('--password-stdin')
      .exits(2)
      .stderr(/--sso and --password-stdin/)
      .run();
    await cli('login', url, '--no-browser')
      .exits(2)
      .stderr(/--no-browser goes with --sso/)
      .run();
  });
});
