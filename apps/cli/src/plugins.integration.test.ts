// The plugins that come with Rivet, run for real: against repositories, archives nobody may trust,
// and what Terraform really printed. Needs the image of scripts/plugin-image.sh.
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cli } from './testing/run-cli.ts';

const SECRET = 'the-s3cret-of-the-plugin-test';

let data: string;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'rivet-plugins-'));
});
afterEach(() => rm(data, { recursive: true, force: true }));

/** Runs the pipeline in tests/real of a plugin; its outputs. The secret must show nowhere. */
async function outputsOf(plugin: string, secret = 'UNUSED'): Promise<Record<string, unknown>> {
  const config = join(data, 'config');
  const secrets = join(data, 'secrets.json');
  await writeFile(config, '{}');
  await writeFile(secrets, JSON.stringify({ [secret]: SECRET }));
  await chmod(secrets, 0o600);
  const directory = new URL(`../../../plugins/${plugin}/tests/real`, import.meta.url);
  const { stdout, stderr } = await cli('run', 'pipeline.lua', '--json', '--secrets-file', secrets)
    .in(fileURLToPath(directory))
    .env({
      HOME: process.env.HOME ?? '/',
      ...(process.env.XDG_RUNTIME_DIR === undefined
        ? {}
        : { XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR }),
      RIVET_CONFIG: config,
      RIVET_DATA_DIRECTORY: data,
      RIVET_DEFAULT_IMAGE: 'localhost/rivet/base:latest',
    })
    .run();
  const lines = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const log = lines.flatMap(({ text }) => (text === undefined ? [] : [text])).join('\n');
  const end = lines.at(-1);
  expect(end?.state, `${log}\n${stderr}`).toBe('succeeded');
  expect(stdout + stderr).not.toContain(SECRET);
  return end?.outputs as Record<string, unknown>;
}

interface Extraction {
  /** What the refusal has to say; absent when the archive is good. */
  readonly expected?: string;
  readonly ok: boolean;
  readonly listed: boolean;
  readonly problem?: string;
}

describe('archive', () => {
  it('extracts good archives, and nothing of one that lies', async () => {
    const outputs = await outputsOf('archive');
    const results = Object.entries(
      JSON.parse(String(outputs.results)) as Record<string, Extraction>,
    );
    const hostile = results.filter(([, { expected }]) => expected !== undefined);
    expect(hostile.length).toBeGreaterThanOrEqual(45);
    for (const [name, { ok, problem, expected }] of hostile) {
      expect({ name, ok }).toEqual({ name, ok: false });
      expect(problem, name).toContain(`archive.extract: hostile/${name}: `);
      expect(problem, name).toContain(expected);
    }
    const good = results.filter(([, { expected }]) => expected === undefined);
    expect(good.map(([name, { ok, listed }]) => [name, ok, listed]).sort()).toEqual([
      ['good.tar', true, true],
      ['good.tar.gz', true, true],
      ['good.tar.zst', true, true],
      ['good.zip', true, true],
    ]);
    expect(outputs.elsewhere).toBe('');
    expect(outputs.left).toBe('');
    expect(outputs.tree).toBe('.\n./a\n./a/b.txt\n./a/hard\n./a/link\n./empty\nhello\nb.txt\n');
    // The set-id bit of the archive is dropped.
    expect(outputs.modes).toBe('755\n');
    const made = {
      entries: 4,
      names: ['link:symlink', 'one.txt:file', 'sub:directory', 'sub/run:file'],
      same: true,
      back: './sub/run\noneone.txt\n',
    };
    expect(JSON.parse(String(outputs.sums))).toEqual({
      tar: made,
      'tar.gz': made,
      'tar.zst': made,
      zip: made,
    });
    expect(outputs.refusals).toEqual([
      expect.stringContaining('"link" is in "back/tar" already; choose an empty directory'),
      expect.stringContaining('the directory "../tmp" leads out of /workspace (to "/tmp")'),
      expect.stringContaining('there is no "/workspace/nothing.tar"'),
      expect.stringContaining('"../etc" is no path below the directory'),
    ]);
  });
});

describe('git', () => {
  it('works on repositories, with a token that only their server sees', async () => {
    const outputs = await outputsOf('git', 'GIT_TOKEN');
    expect(outputs).toMatchObject({
      full: true,
      submodule: 'lib',
      shallow: '1',
      // Cone mode has the files at the top too.
      sparse: 'docs\nside.txt\nvendor',
      at: 'docs\nsrc',
      described: expect.stringMatching(/^v1\.0-3-g[0-9a-f]+$/),
      changed: ['added .gitmodules', 'added side.txt', 'modified src/b.c', 'added vendor'],
      detached: 'first nil',
      topic: 'topic: third ☃ a',
      commits: [true, false, true],
      pushed: 'Add new.txt|CI Ünit|# not a comment\n\nv2.0',
      rejected: expect.stringContaining('somebody pushed meanwhile'),
      lease: expect.stringContaining('somebody pushed meanwhile: git.fetch and look at it first'),
      without: expect.stringContaining('the repository asks for credentials'),
      wrong: expect.stringContaining('are the credentials those of this repository?'),
      // A redirect to another port: asked, and not told.
      moved: expect.stringContaining('could not read Username'),
      told: '/main.git/info/refs?service=git-upload-pack None',
      'on disk': '0',
      'ssh left': '0\n0\n',
      pwned: 'no',
    });
    // The stand-in for ssh tells what it was given; the key was its to read alone.
    expect(outputs.ssh).toBe(
      [
        'host git@host.example',
        `key 600 700 ${String(outputs['ssh sum']).trimEnd()}`,
        'option IdentitiesOnly=yes',
        'option BatchMode=yes',
        'option StrictHostKeyChecking=yes',
        'known host.example ssh-ed25519 AAAA',
        'environment 0',
      ].join('\n'),
    );
    expect(outputs['missing base']).toContain('a shallow clone lacks it');
    const refusals = outputs.refusals as string[];
    const kinds = [
      'expected the URL of a repository',
      'expected the URL of a repository',
      'expected a URL of one of the protocols https, ssh',
      'expected a URL of one of the protocols https, ssh',
      'expected a host that does not begin with -',
      'expected the URL of a repository',
      'expected a host that does not begin with -',
      'url is "https://***@example.com/x.git"; expected no name or password in the URL',
      'expected the URL of a repository',
      'protocols has "ext"; expected some of https, ssh, http, git, file',
      'expected the name of a branch or tag',
      'expected the name of a branch or tag',
      'Remote branch nowhere not found',
      'expected all 40 (or 64) digits of a commit',
      'expected a relative path below /workspace',
      'expected a relative path below /workspace',
      'choose another dir, or empty it first',
      "transport 'ext' not allowed",
      'password is "plain text"; expected a secret',
      'known_hosts is missing',
      'expected the name of a branch or tag',
      'expected the name of a branch or tag',
      'expected the name of a remote such as "origin"',
      'author is not complete',
      'the working directory "/workspace/out" does not exist',
    ];
    expect(refusals).toHaveLength(kinds.length);
    for (const [index, kind] of kinds.entries()) expect(refusals[index]).toContain(kind);
  });
});

describe('terraform', () => {
  it('applies the plan that was looked at, and keeps values from command lines', async () => {
    const outputs = await outputsOf('terraform', 'DB_PASSWORD');
    expect(outputs.plan).toEqual({
      has_changes: true,
      changes: [
        {
          address: 'terraform_data.gone',
          type: 'terraform_data',
          action: 'replace',
          reason: 'replace_because_cannot_update',
        },
        { address: 'terraform_data.web[1]', type: 'terraform_data', action: 'create' },
      ],
      create: 1,
      update: 0,
      delete: 0,
      replace: 1,
      file: 'rivet.tfplan',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      dir: '.',
    });
    expect(outputs.mode).toBe('600');
    expect(outputs.values).toEqual({ size: 2, names: ['web-0', 'web-1'] });
    const calls = String(outputs.calls).split('\n');
    const set = ' | umask 0077 automation 1 input 0';
    expect(calls.slice(0, 8)).toEqual([
      `init -input=false -no-color -backend-config=bucket=state -backend-config=encrypt=true${set}`,
      `workspace select -or-create=true staging${set}`,
      `plan -input=false -no-color -detailed-exitcode -out=rivet.tfplan -lock-timeout=2m -target=module.a${set}`,
      'env TF_VAR_password=***',
      'env TF_VAR_size=2',
      'env TF_VAR_zones=["a","b"]',
      `show -json -no-color rivet.tfplan${set}`,
      `apply -input=false -no-color -lock-timeout=60s rivet.tfplan${set}`,
    ]);
    const kinds = [
      'the plan is stale: the state was changed after the plan was made',
      'the plan file rivet.tfplan is gone: it was applied already',
      'is not the one that was planned: another plan was written over it',
      'expected a relative path below dir',
      'plan is not complete; expected what terraform.plan returned',
      'Error acquiring the state lock (another run holds the lock; lock_timeout waits longer)',
      'env has TF_CLI_ARGS, which the plugin sets itself',
      'the image has no terraform; give the option image',
      'out is "-x"; expected a relative path below dir',
      'lock_timeout is "soon"; expected seconds or text',
      'vars has "a b", which is not the name of a variable',
      'expected a relative path below /workspace',
      'backend.key is a secret, and would stand on a command line',
      'workspace is "-x"; expected letters',
      'unknown option "modules"; expected one of backend, dir',
    ];
    const refusals = outputs.refusals as string[];
    expect(refusals).toHaveLength(kinds.length);
    for (const [index, kind] of kinds.entries()) expect(refusals[index]).toContain(kind);
  });
});
