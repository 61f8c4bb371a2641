// Fetching master keys: from a variable, a file and a command, and how each of them can fail.
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../config.ts';
import { loadMasterKey, type MasterKeySource } from './load-master-key.ts';
import { parseMasterKey } from './master-key.ts';
import { splitCommand } from './split-command.ts';

const text = randomBytes(32).toString('base64');
const { id } = parseMasterKey(text, 'test');
const env = { PATH: process.env.PATH };
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-master-key-'));
});
afterAll(() => rm(directory, { recursive: true }));

async function keyFile(name: string, content: string, mode: number): Promise<MasterKeySource> {
  const path = join(directory, name);
  await writeFile(path, content);
  await chmod(path, mode);
  return { kind: 'file', setting: 'RIVET_MASTER_KEY_FILE', path };
}

function command(line: string): MasterKeySource {
  return { kind: 'command', setting: 'RIVET_MASTER_KEY_COMMAND', command: line, env };
}

describe('a file', () => {
  it.each([0o400, 0o600, 0o640])('of mode %o is read', async (mode) => {
    expect(await loadMasterKey(await keyFile(`good-${mode}`, `${text}\n`, mode))).toMatchObject({
      id,
    });
  });

  it('is read through a link, as they are mounted', async () => {
    const { path } = (await keyFile('target', text, 0o400)) as { path: string };
    const link = join(directory, 'link');
    await symlink(path, link);
    const source = { kind: 'file', setting: 'X', path: link } as const;
    expect((await loadMasterKey(source)).id).toBe(id);
  });

  it.each([0o644, 0o604, 0o606, 0o660, 0o601])('of mode %o is refused', async (mode) => {
    const source = await keyFile(`open-${mode}`, text, mode);
    await expect(loadMasterKey(source)).rejects.toMatchObject({
      code: 'RIVET_MASTER_KEY_FILE',
      message: expect.stringContaining(`its mode is ${mode.toString(8)}`),
    });
  });

  it.each([
    ['/no/such/file', /ENOENT/],
    ['/dev/zero', /it is no regular file/],
    [tmpdir(), /it is no regular file/],
  ])('%s is refused', async (path, message) => {
    const source = { kind: 'file', setting: 'RIVET_MASTER_KEY_FILE', path } as const;
    await expect(loadMasterKey(source)).rejects.toMatchObject({
      code: 'RIVET_MASTER_KEY_FILE',
      message: expect.stringMatching(message),
    });
  });

  it('that is large is refused before it is read', async () => {
    await expect(
      loadMasterKey(await keyFile('large', 'x'.repeat(5000), 0o600)),
    ).rejects.toMatchObject({ message: expect.stringContaining('it has 5000 bytes') });
  });
});

describe('a command', () => {
  it('gives the key that it prints', async () => {
    expect((await loadMasterKey(command(`printf '%s\\n' ${text}`))).id).toBe(id);
  });

  it('is no shell', async () => {
    await expect(loadMasterKey(command(`echo $HOME; echo ${text}`))).rejects.toMatchObject({
      code: 'RIVET_MASTER_KEY_INVALID',
      message: expect.not.stringContaining(text),
    });
  });

  it.each([
    ['sh -c "echo no access >&2; exit 3"', /sh ended with exit code 3: no access$/],
    [`sh -c "echo is ${text} >&2; exit 3"`, /exit code 3: is \*\*\*$/],
    ['sh -c "kill -9 $$"', /sh was ended by SIGKILL$/],
    ['/no/such/program x', /no\/such\/program could not be started/],
    ['head -c 100000 /dev/zero', /printed more than 4096 bytes/],
    ['yes', /yes printed more than 4096 bytes/],
    ['echo "', /a quote is not closed/],
    ['   ', /there is no program/],
  ])('%s fails with its reason', async (line, message) => {
    await expect(loadMasterKey(command(line))).rejects.toMatchObject({
      code: 'RIVET_MASTER_KEY_COMMAND',
      message: expect.stringMatching(message),
    });
  });

  it('that does not end is ended, with all that it started', async () => {
    await expect(loadMasterKey(command('sh -c "sleep 60 & sleep 60"'), 100)).rejects.toMatchObject({
      message: expect.stringContaining('had not ended after 0.1 seconds'),
    });
  });
});

describe('the settings', () => {
  const settings = { DATABASE_URL: 'postgres://x@localhost/x' };

  it('say where the two keys come from, and what a command gets', () => {
    const config = readConfig({
      ...settings,
      RIVET_MASTER_KEY_COMMAND: 'vault read',
      RIVET_MASTER_KEY_PREVIOUS: text,
      VAULT_ADDR: 'https://vault',
    });
    expect(config.masterKey).toMatchObject({
      kind: 'command',
      command: 'vault read',
      env: { VAULT_ADDR: 'https://vault' },
    });
    expect(JSON.stringify(config.masterKey)).not.toMatch(/postgres|PREVIOUS/);
    const { otherMasterKey: other } = config;
    expect(other).toMatchObject({ kind: 'value', setting: 'RIVET_MASTER_KEY_PREVIOUS' });
    expect(other?.kind === 'value' && other.text.reveal()).toBe(text);
    expect(JSON.stringify(config)).not.toContain(text);
  });

  it('that contradict each other are refused without their values', () => {
    expect(() =>
      readConfig({ ...settings, RIVET_MASTER_KEY: text, RIVET_MASTER_KEY_FILE: '/x' }),
    ).toThrow('RIVET_MASTER_KEY is set, and so is RIVET_MASTER_KEY_FILE; expected one of them');
  });
});

it.each([
  ['a b  c', ['a', 'b', 'c']],
  ['a "b c" \'d "e\'', ['a', 'b c', 'd "e']],
  ['a\\ b "c\\"d" \'e\\f\'', ['a b', 'c"d', 'e\\f']],
  ['a "" b', ['a', '', 'b']],
  ['a $(b) `c` ; d', ['a', '$(b)', '`c`', ';', 'd']],
  ['', undefined],
  ['""', undefined],
  ['a \\', undefined],
])('%s is split into %j', (line, words) => {
  expect(splitCommand(line)).toEqual(words);
});
