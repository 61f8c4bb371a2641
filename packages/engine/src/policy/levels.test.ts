// That each level of a policy narrows the one above it, and cannot do anything else.
import { type InstallationPolicy, policyExcess } from '@rivet/pipeline';
import type { ContainerOptions, PipelinePolicy } from '@rivet/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPolicy, type Policy, refuseExcess, stagePolicy } from './policy.ts';

const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const withoutUndefined = <T extends object>(value: T): T => JSON.parse(JSON.stringify(value));

const commands = fc.array(fc.constantFrom('git', 'make', 'curl', '/bin/sh', '/usr/bin/git'), {
  maxLength: 3,
});
const images = fc.array(
  fc.constantFrom('*', 'alpine', 'docker.io/library/*', 'alpine:3', 'localhost/*', '*/evil*'),
  { maxLength: 3 },
);
const policies: fc.Arbitrary<PipelinePolicy> = fc
  .record({
    process: some(fc.record({ allow: some(commands), deny: some(commands) })),
    container: some(
      fc.record({
        images: some(images),
        deny_images: some(images),
        network: some(fc.constantFrom('none' as const, 'default' as const)),
        pull: some(fc.constantFrom('never' as const, 'missing' as const, 'always' as const)),
      }),
    ),
    limits: some(
      fc.record({
        memory: some(fc.integer({ min: 1, max: 9 })),
        cpus: some(fc.integer({ min: 1, max: 9 })),
        pids: some(fc.integer({ min: 1, max: 9 })),
      }),
    ),
    fs: some(fc.record({ file_max: some(fc.integer({ min: 1, max: 9 })) })),
  })
  .map((value) => withoutUndefined(value) as PipelinePolicy);

const requests: fc.Arbitrary<ContainerOptions> = fc
  .record({
    image: fc.constantFrom('alpine', 'alpine:3', 'localhost/x', 'quay.io/evil/x', 'docker.io/a/b'),
    network: some(fc.constantFrom('none' as const, 'default' as const)),
    pull: some(fc.constantFrom('never' as const, 'missing' as const, 'always' as const)),
    memory: some(fc.integer({ min: 1, max: 9 })),
    pids: some(fc.integer({ min: 1, max: 9 })),
  })
  .map((value) => withoutUndefined(value) as ContainerOptions);

/** What a policy makes of a request; undefined: it refuses it. */
function answer<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}

const PULLS = ['never', 'missing', 'always'];

/** Whether what the narrow policy gives is also within the wide one. */
function expectNotWider(narrow: Policy, wide: Policy, asked: ContainerOptions, command: string) {
  const runs = answer(() => {
    narrow.checkCommand(command);
    return true;
  });
  if (runs === true) {
    expect(() => wide.checkCommand(command)).not.toThrow();
  }
  const given = answer(() => narrow.checkContainer(asked));
  if (given === undefined) return;
  const outer = wide.checkContainer(asked);
  if (outer.network === 'none') expect(given.network).toBe('none');
  if (outer.pull !== undefined) {
    expect(PULLS.indexOf(given.pull ?? 'always')).toBeLessThanOrEqual(PULLS.indexOf(outer.pull));
  }
  for (const key of ['memory', 'cpus', 'pids'] as const) {
    if (outer[key] !== undefined) expect(given[key]).toBeLessThanOrEqual(outer[key]);
  }
  const most = wide.fs.fileBytesMax;
  if (most !== undefined) expect(narrow.fs.fileBytesMax).toBeLessThanOrEqual(most);
}

describe('the levels of a policy', () => {
  it('never widen one another, whatever they say', () => {
    fc.assert(
      fc.property(
        policies,
        policies,
        policies,
        requests,
        fc.constantFrom('git', 'make', 'curl', '/bin/sh', '/usr/bin/git', 'ls'),
        (installation, pipeline, stage, asked, command) => {
          const all = stagePolicy(installation, pipeline, stage);
          for (const wider of [
            stagePolicy(installation, {}, undefined),
            stagePolicy({}, pipeline, undefined),
            stagePolicy({}, {}, stage),
          ]) {
            expectNotWider(all, wider, asked, command);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('are refused where a rule below is allowed nothing by the one above', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        expect(policyExcess(policy, {})).toEqual([]);
        expect(policyExcess({}, policy)).toEqual([]);
      }),
    );
  });

  it.each([
    [{ process: { deny: ['curl'] } }, 'process.deny of the installation has "curl"'],
    [{ process: { allow: ['git'] } }, 'process.allow of the installation is "git"'],
  ])('name the rule that refuses, and whose it is: %j', (installation, message) => {
    const policy = stagePolicy(installation, {}, {});
    expect(() => policy.checkCommand('/usr/bin/curl')).toThrow(message);
  });

  it('name the stage', () => {
    const policy = stagePolicy({}, {}, { container: { network: 'none' } });
    expect(() => policy.checkContainer({ image: 'a', network: 'default' })).toThrow(
      'container.network of the stage is "none"',
    );
  });
});

describe('a pipeline that asks for more than its installation allows', () => {
  const installation: InstallationPolicy = {
    process: { allow: ['git', '/opt/tool'], deny: ['curl'] },
    container: { images: ['docker.io/library/*'], deny_images: ['*evil*'], network: 'none' },
    limits: { memory: 1024 },
  };

  it.each<[PipelinePolicy, string]>([
    [
      { process: { allow: ['git', 'make'] } },
      'policy.process.allow[2] is "make"; process.allow of the installation is "git", "/opt/tool"',
    ],
    [
      { process: { allow: ['curl'] } },
      'policy.process.allow[1] is "curl"; process.deny of the installation has "curl"',
    ],
    [
      { container: { images: ['quay.io/x/y:1'] } },
      'policy.container.images[1] is "quay.io/x/y:1"; container.images of the installation is "docker.io/library/*"',
    ],
    [
      { container: { network: 'default' } },
      'policy.container.network is "default"; container.network of the installation is "none"',
    ],
    [
      { limits: { memory: 2048 } },
      'policy.limits.memory is "2KB"; limits.memory of the installation is "1KB"',
    ],
  ])('is refused with the rule: %j', (pipeline, message) => {
    expect(() => refuseExcess(installation, pipeline)).toThrow(message);
  });

  it.each<PipelinePolicy>([
    {},
    { process: { allow: ['git'] } },
    { process: { allow: ['/usr/bin/git', '/opt/tool'], deny: ['wget'] } },
    { container: { images: ['alpine', 'docker.io/*'], network: 'none', pull: 'always' } },
    { limits: { memory: 1024, pids: 5 } },
  ])('is not what this is: %j', (pipeline) => {
    expect(() => refuseExcess(installation, pipeline)).not.toThrow();
  });
});

describe('images that are denied', () => {
  const policy = createPolicy([
    {
      owner: 'installation',
      rules: { container: { deny_images: ['docker.io/library/evil', 'bad:1', 'quay.io/*'] } },
    },
  ]);

  it.each([
    'evil',
    'evil:2',
    'docker.io/library/evil',
    'DOCKER.IO/library/evil',
    'index.docker.io/library/evil:3',
    'registry-1.docker.io/library/evil',
    'docker.io:443/library/evil',
    `evil@sha256:${'0'.repeat(64)}`,
    `bad:1@sha256:${'0'.repeat(64)}`,
    'docker.io/library/bad:1',
    'quay.io/a/b',
    'Quay.io/a/b',
    '0'.repeat(64),
    `sha256:${'0'.repeat(64)}`,
  ])('are refused under any spelling: %s', (image) => {
    expect(() => policy.checkImage(image)).toThrow('container.deny_images of the installation');
  });

  it.each(['bad:2', 'evil2', 'docker.io/other/evil', 'localhost/evil'])(
    'are no others: %s',
    (image) => {
      expect(() => policy.checkImage(image)).not.toThrow();
    },
  );
});

describe('what reaches the machine', () => {
  const mount = (source: string, readonly = false) => ({
    image: 'a',
    mounts: [{ target: '/m', source, ...(readonly ? { readonly } : {}) }],
  });

  it('needs the leave of the installation', () => {
    const policy = stagePolicy({ container: { mounts: ['/srv/cache', '/opt/sdk:ro'] } }, {}, {});
    expect(() => policy.checkContainer(mount('/srv/cache/'))).toThrow();
    expect(policy.checkContainer(mount('/srv/cache')).mounts).toHaveLength(1);
    expect(policy.checkContainer(mount('/opt/sdk', true)).mounts).toHaveLength(1);
    expect(() => policy.checkContainer(mount('/opt/sdk'))).toThrow('add readonly = true');
    expect(() => policy.checkContainer(mount('/srv/cache/below'))).toThrow(
      'mounting "/srv/cache/below" of the machine: container.mounts of the installation is "/srv/cache"',
    );
    expect(() => policy.checkContainer({ image: 'a', privileged: true })).toThrow(
      'container.privileged of the installation is not true',
    );
    const open = stagePolicy({ container: { privileged: true } }, {}, {});
    expect(open.checkContainer({ image: 'a', privileged: true }).privileged).toBe(true);
  });

  it('is nothing that a mount in memory does', () => {
    const options = { image: 'a', mounts: [{ target: '/m', size: 4096 }] };
    expect(stagePolicy({}, {}, {}).checkContainer(options)).toEqual(options);
  });
});
