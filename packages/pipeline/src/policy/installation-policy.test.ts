// The policy file of an installation: what it may say, and what is said when it is wrong.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadInstallationPolicy } from './installation-policy.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-policy-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function load(text: string) {
  const path = join(directory, 'policy.json');
  await writeFile(path, text);
  return await loadInstallationPolicy(path);
}

describe('the policy file', () => {
  it('is read with sizes as people write them', async () => {
    const policy = {
      process: { deny: ['curl'] },
      container: {
        images: ['docker.io/library/*'],
        deny_images: ['*evil*'],
        network: 'none',
        pull: 'missing',
        verify: true,
        privileged: false,
        build_cache: true,
        mounts: ['/srv/cache:ro'],
        insecure_registries: ['127.0.0.1:5000'],
        signature_policy: '/etc/containers/policy.json',
      },
      http: { allow: ['example.com'], rate: 5 },
      fs: { file_max: '1MB', workspace_max: '1GB' },
      limits: { memory: '2GB', cpus: 1.5, pids: 100 },
    };
    expect(await load(JSON.stringify(policy))).toEqual({
      ...policy,
      fs: { file_max: 1024 ** 2, workspace_max: 1024 ** 3 },
      limits: { memory: 2 * 1024 ** 3, cpus: 1.5, pids: 100 },
    });
  });

  it('is not needed, and may say nothing', async () => {
    expect(await loadInstallationPolicy(undefined)).toEqual({});
    expect(await load('{}')).toEqual({});
  });

  it.each([
    ['{', 'it is not JSON'],
    ['[1]', 'expected one JSON object'],
    ['{"proces": {}}', 'did you mean "process"?'],
    ['{"process": {"deny": "curl"}}', 'process.deny'],
    ['{"container": {"mounts": ["cache"]}}', 'an absolute path without ".."'],
    ['{"container": {"mounts": ["/srv/../etc"]}}', 'an absolute path without ".."'],
    ['{"container": {"privileged": "no"}}', 'privileged is not a bool'],
    ['{"limits": {"memory": "lots"}}', 'bytes or text such as "64MB"'],
    ['{"limits": {"memory": "1KB"}, "fs": {"file_max": -1}}', 'fs.file_max'],
  ])('tells every mistake with its place: %s', async (text, message) => {
    await expect(load(text)).rejects.toMatchObject({
      code: 'RIVET_POLICY_FILE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it('must be there when it is named', async () => {
    const path = join(directory, 'none.json');
    await expect(loadInstallationPolicy(path)).rejects.toThrow(
      `${path} cannot be used: it does not`,
    );
  });
});
