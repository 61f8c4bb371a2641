// `rivet audit` against a whole installation, and against a server whose log was touched.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEntry, AuditVerification } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli } from '../../testing/run-cli.ts';
import { type RunningCli, startCli } from '../../testing/running-cli.ts';

let directory: string;
let env: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-audit-'));
  // The database runs as another user, who must get through.
  await chmod(directory, 0o711);
  const config = join(directory, 'config');
  await writeFile(config, '{}', { mode: 0o600 });
  const { HOME = '/', XDG_RUNTIME_DIR: runtime } = process.env;
  env = { HOME, ...(runtime && { XDG_RUNTIME_DIR: runtime }), RIVET_CONFIG: config };
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const rivet = (...args: string[]) =>
  cli(...args)
    .in(directory)
    .env(env);

describe('the log of an installation', () => {
  let dev: RunningCli;

  beforeAll(async () => {
    const data = join(directory, 'data');
    dev = startCli(['dev', '--port', '0', '--data-dir', data, '--json'], { env, cwd: directory });
    await dev.waitFor(/"event":"ready"/);
    env.RIVET_URL = JSON.parse(dev.stdout()).url;
    const source = `return pipeline.define({ name = "build",
      stages = { { name = "s", script = function() end } } })`;
    await writeFile(join(directory, 'build.lua'), source);
    await rivet('pipeline', 'create', 'build.lua').exits(0).run();
    await rivet('pipeline', 'delete', 'build').exits(0).run();
  });

  afterAll(async () => {
    dev?.signal('SIGTERM');
    await dev?.exit;
    delete env.RIVET_URL;
  });

  it('is listed newest first, for people and for programs', async () => {
    const { stdout } = await rivet('audit', 'list', '--action', 'pipeline.*', '--since', '1h')
      .exits(0)
      .stdout(/^AT +WHO +ACTION +OBJECT +FROM +DETAILS\n/)
      .run();
    const words = stdout.split('\n').map((line) => line.split(/ {2,}/).slice(1, 5));
    expect(words.slice(1, 3)).toEqual([
      ['admin (API key)', 'pipeline.delete', 'pipeline build', '127.0.0.1'],
      ['admin (API key)', 'pipeline.create', 'pipeline build', '127.0.0.1'],
    ]);
    const json = await rivet('audit', 'list', '--object', 'build', '--limit', '1', '--json')
      .exits(0)
      .run();
    const page = JSON.parse(json.stdout) as { items: AuditEntry[]; next_cursor: string };
    expect(page.items).toMatchObject([{ action: 'pipeline.delete', object: { name: 'build' } }]);
    const next = ['--object', 'build', '--cursor', page.next_cursor, '--json'];
    const rest = await rivet('audit', 'list', ...next)
      .exits(0)
      .run();
    expect(JSON.parse(rest.stdout)).toMatchObject({
      items: [{ action: 'pipeline.create' }],
      next_cursor: null,
    });
    const own = await rivet('audit', 'list', '--actor', 'rivet', '--json').exits(0).run();
    const { items } = JSON.parse(own.stdout) as { items: AuditEntry[] };
    const prepared = ['runner.token_create', 'api_key.create', 'user.create'];
    expect(items.map(({ action }) => action)).toEqual(prepared);
    await rivet('audit', 'list', '--actor', 'nobody')
      .exits(0)
      .stderr(/Nothing in the audit log fits/)
      .run();
  });

  it.each([
    [['list', '--action', 'pipeline.delte'], /knows no action "pipeline.delte".*pipeline\.delete/s],
    [['list', '--since', 'yesterday'], /"yesterday" is no point in time/],
    [['verify', '--head', '12'], /"12" is no end of an audit log/],
  ])('%j is refused with what was expected', async (args, message) => {
    await rivet('audit', ...args)
      .exits(2)
      .stderr(message)
      .run();
  });

  it('is as it was written, and says where it ends', async () => {
    const report = async () => {
      const { stdout } = await rivet('audit', 'verify', '--json').exits(0).run();
      return JSON.parse(stdout) as AuditVerification & { ok: boolean };
    };
    await expect.poll(async () => (await report()).waiting, { timeout: 60_000 }).toBe(0);
    const { ok, head, checked, findings } = await report();
    expect({ ok, findings }).toEqual({ ok: true, findings: [] });
    expect(head).toMatch(new RegExp(`^${checked}:[0-9a-f]{64}$`));
    await rivet('audit', 'verify', '--head', head ?? '')
      .exits(0)
      .stdout(`${checked} rows are as they were written.\nThe log ends at ${head}\n`)
      .run();
  });
});

it.each(['5', '0:00', `1:${'g'.repeat(64)}`])('holds no log against the end %j', async (head) => {
  await rivet('audit', 'verify', `--head=${head}`)
    .exits(2)
    .stderr(/RIVET_AUDIT_HEAD_INVALID/)
    .run();
});

describe('a log that was touched', () => {
  let server: Server;
  const asked: (string | undefined)[] = [];

  beforeAll(async () => {
    const finding = (position: number) => ({
      kind: 'changed' as const,
      position,
      id: 'x',
      message: `the row ${position} was changed`,
    });
    const rest = { findings_left_out: 0, head: null, waiting: 0 };
    const parts: readonly AuditVerification[] = [
      { ...rest, checked: 5000, findings: [finding(17)], next_cursor: 'second' },
      { ...rest, checked: 5000, findings: [], next_cursor: 'third' },
      { ...rest, checked: 12, findings: [finding(10_004)], next_cursor: null, waiting: 3 },
    ];
    server = createServer((request, response) => {
      const cursor = new URL(request.url ?? '', 'http://x').searchParams.get('cursor') ?? undefined;
      asked.push(cursor);
      const part = parts[[undefined, 'second', 'third'].indexOf(cursor)];
      response.setHeader('content-type', 'application/json').end(JSON.stringify(part));
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    env.RIVET_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    env.RIVET_TOKEN = `rvt_${'a'.repeat(43)}`;
  });

  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('is read to its end, each finding is told, and the exit code is 1', async () => {
    await rivet('audit', 'verify')
      .exits(1)
      .stdout(
        'the row 17 was changed\nthe row 10004 was changed\n' +
          '10012 rows are NOT as they were written, 3 wait for their place.\n',
      )
      .run();
    expect(asked).toEqual([undefined, 'second', 'third']);
  });

  it('is told to programs as well', async () => {
    const { stdout } = await rivet('audit', 'verify', '--json').exits(1).run();
    const { ok, checked, findings } = JSON.parse(stdout);
    expect({ ok, checked, findings: findings.length }).toEqual({
      ok: false,
      checked: 10_012,
      findings: 2,
    });
  });
});
