// The settings of the runner: defaults, and refusals that say what was expected.
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const read = (env: Record<string, string>) => readConfig({ XDG_STATE_HOME: '/state', ...env });

describe('the settings', () => {
  it('have defaults that work on a laptop', () => {
    const config = read({});
    expect(config.url).toBe('http://127.0.0.1:7450');
    expect(config.stateDirectory).toBe('/state/rivet/runner');
    expect(config.capacity).toBeGreaterThanOrEqual(1);
    expect(config.tags).toContainEqual({ key: 'os', value: process.platform });
    expect(config.limits.lua).toEqual({ cpuMs: 10_000, memoryBytes: 256 * 1024 ** 2 });
  });

  it.each(['http://rivet.example.com', 'http://10.0.0.5:7450', 'http://localhost.example'])(
    'refuse to speak in clear with %s, unless that is wanted',
    (url) => {
      expect(() => read({ RIVET_URL: url })).toThrow(
        expect.objectContaining({ code: 'RIVET_RUNNER_PLAINTEXT' }),
      );
      expect(read({ RIVET_URL: url, RIVET_ALLOW_PLAINTEXT: 'yes' }).url).toBe(url);
      expect(read({ RIVET_URL: url.replace('http:', 'https:') }).url).toMatch(/^https:/);
    },
  );

  it('take an empty variable as not set', () => {
    expect(read({ RIVET_URL: '', RIVET_RUNNER_TAGS: '' }).url).toBe('http://127.0.0.1:7450');
  });

  it.each([
    ['RIVET_URL', 'localhost:7450'],
    ['RIVET_URL', 'ftp://host'],
    ['RIVET_RUNNER_NAME', '-starts-with-a-dash'],
    ['RIVET_RUNNER_NAME', 'a b'],
    ['RIVET_RUNNER_NAME', 'x'.repeat(101)],
    ['RIVET_RUNNER_TAGS', 'os'],
    ['RIVET_RUNNER_TAGS', 'gpu=yes,gpu=no'],
    ['RIVET_RUNNER_TAGS', '=x'],
    ['RIVET_RUNNER_CAPACITY', '0'],
    ['RIVET_RUNNER_CAPACITY', '1e3'],
    ['RIVET_STATE_DIRECTORY', 'relative/path'],
    ['RIVET_POLICY_FILE', 'policy.json'],
    ['RIVET_CA_FILE', 'ca.pem'],
    ['RIVET_RUNNER_TOKEN_FILE', 'token'],
    ['RIVET_STOP_GRACE', 'soon'],
    ['RIVET_SPOOL_MAX', '0'],
    ['RIVET_LUA_MEMORY', '-1'],
    ['RIVET_DISK_MIN', '10%'],
    ['RIVET_LOG_LEVEL', 'loud'],
  ])('refuse %s=%s and name both', (key, value) => {
    expect(() => read({ [key]: value })).toThrow(
      expect.objectContaining({
        code: 'RIVET_CONFIG_INVALID',
        message: expect.stringContaining(key),
      }),
    );
  });

  it('let a runner look at no disk, and keep every image', () => {
    const off = read({ RIVET_DISK_MIN: '0', RIVET_IMAGE_MAX_AGE: '0s' });
    expect(off).toMatchObject({ diskBytesMin: 0, imageMsMax: 0 });
    expect(read({})).toMatchObject({ diskBytesMin: undefined, imageMsMax: 3_600_000 });
    expect(read({ RIVET_DISK_MIN: '10GB' }).diskBytesMin).toBe(10 * 1024 ** 3);
  });
});
