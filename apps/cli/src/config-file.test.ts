// The configuration file: what is wrong is named without showing a token, and changes lose nothing.
import { mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ConfigFile,
  changeConfigFile,
  configPath,
  mendConfigMode,
  readConfigFile,
  type StoredContext,
} from './config-file.ts';

const TOKEN = 'rvf_SECRETSECRETSECRET';

let home: string;
let env: Record<string, string>;
let path: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'rivet-config-'));
  env = { HOME: home };
  path = configPath(env);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const write = async (value: unknown, mode = 0o600): Promise<void> => {
  await mkdir(join(home, '.rivet'), { recursive: true });
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  await writeFile(path, text, { mode });
};
const add = (file: ConfigFile, name: string): ConfigFile => ({
  ...file,
  contexts: new Map<string, StoredContext>([...file.contexts, [name, work]]),
});
const modeOf = async (): Promise<number> => (await stat(path)).mode & 0o777;
const work = { url: 'https://ci.example.com', user: 'ada', refresh_token: TOKEN };

describe('reading', () => {
  it('gives contexts beside the settings', async () => {
    await write({ log_level: 'debug', context: 'work', contexts: { work } });
    const { settings, contexts } = await readConfigFile(env);
    expect(settings).toEqual({ log_level: 'debug', context: 'work' });
    expect([...contexts]).toEqual([['work', work]]);
  });

  it.each([
    ['a name that is none', { '__proto__ ': work }, /context "__proto__ ": expected as its name/],
    ['a context without an address', { a: { user: 'ada' } }, /context "a": "url" is missing/],
    ['an address with a path', { a: { url: 'https://x/y' } }, /"url" is missing or none/],
    ['an unknown key', { a: { ...work, tokn: 'x' } }, /unknown key "tokn"/],
    ['a token that is no text', { a: { ...work, api_key: 5 } }, /"api_key" is no text/],
    ['a list', [work], /"contexts" is no object/],
    ['text in place of a context', { a: TOKEN }, /context "a" is no object/],
  ])('refuses %s', async (_name, contexts, message) => {
    await write({ contexts });
    const error = await readConfigFile(env).catch((thrown: Error) => thrown);
    expect(error).toMatchObject({
      code: 'RIVET_CLI_CONFIG_INVALID',
      message: expect.stringMatching(message),
    });
    expect(JSON.stringify(error)).not.toContain(TOKEN);
  });

  it.each([`{"contexts": {"a": ${TOKEN}}}`, `{"contexts": {"a": {"refresh_token": "${TOKEN}"`])(
    'shows nothing of a file that is no JSON: %s',
    async (text) => {
      await write(text);
      const error = (await readConfigFile(env).catch((thrown: Error) => thrown)) as Error;
      expect(error.message).toMatch(/it is not JSON/);
      expect(error.message).not.toContain('SECRET');
    },
  );
});

describe('changing', () => {
  it('makes the file for its owner alone, and keeps it so', async () => {
    await changeConfigFile(env, (file) => add(file, 'a'));
    expect(await modeOf()).toBe(0o600);
    await write(await readFile(path, 'utf8'), 0o600);
    await changeConfigFile(env, (file) => add(file, 'b'));
    expect(await modeOf()).toBe(0o600);
    expect([...(await readConfigFile(env)).contexts.keys()]).toEqual(['a', 'b']);
  });

  it('loses none of many changes at once', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `c${n}`);
    await Promise.all(
      names.map((name) =>
        changeConfigFile(env, async (file) => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          return add(file, name);
        }),
      ),
    );
    expect([...(await readConfigFile(env)).contexts.keys()].sort()).toEqual(names.sort());
  });

  it('leaves the file alone when nothing is to change, or when it cannot be read', async () => {
    await write('{ broken');
    await expect(changeConfigFile(env, (file) => file)).rejects.toThrow(/not JSON/);
    expect(await readFile(path, 'utf8')).toBe('{ broken');
    await write({ url: 'http://a' });
    const { ino } = await stat(path);
    await changeConfigFile(env, () => undefined);
    expect((await stat(path)).ino).toBe(ino);
  });

  it('changes what a link leads to, and keeps the link', async () => {
    await write({ log_level: 'debug' });
    const real = join(home, 'dotfiles');
    await writeFile(real, '{"log_level": "info"}');
    await rm(path);
    await symlink(real, path);
    await changeConfigFile(env, (file) => ({ ...file, contexts: new Map([['a', work]]) }));
    expect(await readlink(path)).toBe(real);
    expect(JSON.parse(await readFile(real, 'utf8'))).toEqual({
      log_level: 'info',
      contexts: { a: work },
    });
  });
});

describe('mendConfigMode', () => {
  it('takes from others what they may do with tokens, and says what it was', async () => {
    await write({ contexts: { work } }, 0o644);
    expect(await mendConfigMode(env, await readConfigFile(env))).toBe('0644');
    expect(await modeOf()).toBe(0o600);
    expect(await mendConfigMode(env, await readConfigFile(env))).toBeUndefined();
  });

  it('leaves a file without tokens as it is', async () => {
    await write({ url: 'http://a', contexts: { a: { url: 'http://a', user: 'ada' } } }, 0o644);
    expect(await mendConfigMode(env, await readConfigFile(env))).toBeUndefined();
    expect(await modeOf()).toBe(0o644);
  });
});
