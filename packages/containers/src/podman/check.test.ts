// Reading what a machine says about itself.
import { expect, it } from 'vitest';
import { parseInfo, subordinateIds } from './check.ts';

it('counts the ids that a user was given, by name or number', () => {
  const text = 'ada:100000:65536\n1000:300000:10\nadam:5:5\nada:x:y\nada\n';
  expect(subordinateIds(text, ['ada', '1000'])).toBe(65_546);
  expect(subordinateIds('', ['ada'])).toBe(0);
});

it('takes what it knows from the answer of podman info', () => {
  const info = parseInfo({
    version: { Version: '4.3.1' },
    host: {
      security: { rootless: true },
      ociRuntime: { name: 'crun' },
      cgroupVersion: 'v2',
      cgroupControllers: ['cpu', 'memory'],
    },
    store: { graphDriverName: 'overlay', graphRoot: '/storage' },
  });
  expect(info).toEqual({
    version: '4.3.1',
    rootless: true,
    runtime: 'crun',
    cgroupVersion: '2',
    cgroupControllers: ['cpu', 'memory'],
    storageDriver: 'overlay',
    storageRoot: '/storage',
  });
});

it.each([null, 'text', [], { host: null, store: 3, version: {} }])(
  'reads %j as a machine of which nothing is known',
  (answer) => {
    expect(parseInfo(answer)).toMatchObject({ version: 'unknown', cgroupControllers: [] });
  },
);
