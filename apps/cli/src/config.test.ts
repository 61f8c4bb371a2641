// Settings: variables before the file before defaults; what is wrong is named.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, parseServerUrl } from './config.ts';
import { configPath } from './config-file.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'rivet-config-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const write = async (value: unknown): Promise<void> => {
  await mkdir(join(home, '.rivet'), { recursive: true });
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  await writeFile(join(home, '.rivet', 'config'), text);
};

describe('configPath', () => {
  it('is ~/.rivet/config, below XDG_CONFIG_HOME when that is set, or what RIVET_CONFIG says', () => {
    expect(configPath({ HOME: '/h' })).toBe('/h/.rivet/config');
    expect(configPath({ HOME: '/h', XDG_CONFIG_HOME: '/x' })).toBe('/x/rivet/config');
    expect(configPath({ HOME: '/h', XDG_CONFIG_HOME: 'relative' })).toBe('/h/.rivet/config');
    expect(configPath({ HOME: '/h', XDG_CONFIG_HOME: '/x', RIVET_CONFIG: '/c' })).toBe('/c');
  });
});

describe('loadConfig', () => {
  it('has defaults without a file', async () => {
    expect(await loadConfig({ HOME: home })).toEqual({
      url: 'http://127.0.0.1:7450',
      urlIsSet: false,
      context: undefined,
      defaultImage: 'docker.io/library/alpine:latest',
      policyFile: undefined,
      logLevel: 'warn',
      dataDirectory: join(home, '.rivet', 'data'),
      pluginPlaces: [
        { path: join(home, '.config', 'rivet', 'plugins'), origin: 'user' },
        { path: join(import.meta.dirname, '../../../plugins'), origin: 'installation' },
      ],
    });
  });

  it('takes the file, and variables before it', async () => {
    await write({ url: 'http://10.0.0.1:7450/', log_level: 'debug' });
    const config = await loadConfig({ HOME: home, RIVET_LOG_LEVEL: 'error' });
    expect(config).toMatchObject({
      url: 'http://10.0.0.1:7450',
      urlIsSet: true,
      logLevel: 'error',
    });
  });

  it('treats an empty variable as not set', async () => {
    await write({ log_level: 'debug' });
    expect((await loadConfig({ HOME: home, RIVET_LOG_LEVEL: '' })).logLevel).toBe('debug');
  });

  it.each([
    ['an unknown key', { ulr: 'x' }, /unknown key "ulr"; did you mean "url"/],
    ['a wrong type', { url: 5 }, /"url" is 5; expected a URL/],
    ['text that is no JSON', '{', /is not JSON/],
    ['a list', [], /expected one JSON object/],
  ])('refuses %s in the file', async (_name, content, message) => {
    await write(content);
    await expect(loadConfig({ HOME: home })).rejects.toThrow(message);
  });

  it('refuses a variable with a wrong value, naming it', async () => {
    await expect(loadConfig({ HOME: home, RIVET_URL: 'localhost:7450' })).rejects.toThrow(
      /RIVET_URL is "localhost:7450"; expected a URL/,
    );
  });

  it('insists on a file that RIVET_CONFIG names', async () => {
    const env = { HOME: home, RIVET_CONFIG: join(home, 'none') };
    await expect(loadConfig(env)).rejects.toThrow(/it does not exist/);
  });
});

describe('parseServerUrl', () => {
  it.each(['127.0.0.1:7450', 'ftp://x', 'http://u:p@x', 'http://x/path', 'http://x?q=1', ''])(
    'refuses %j',
    (text) => {
      expect(() => parseServerUrl(text)).toThrow(/--url is .*expected a URL/);
    },
  );
});
