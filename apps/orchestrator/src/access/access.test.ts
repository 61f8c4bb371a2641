// Holds what somebody may against roles, grants and the limits of API keys.
import {
  type AccessPermission,
  administrationPermissions,
  pipelinePermissions,
  secretPermissions,
} from '@rivet/protocol';
import type { GrantRow } from '@rivet/store';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Access, type KeyLimits, roleCeilings } from './access.ts';

const grant = (pattern: string, ...permissions: GrantRow['permissions']): GrantRow => ({
  object_kind: permissions[0]?.startsWith('secrets.') ? 'secret' : 'pipeline',
  pattern,
  permissions,
});

test('without a grant a user may nothing on any object', () => {
  const access = new Access('user', []);
  for (const permission of [...pipelinePermissions, ...secretPermissions]) {
    expect(access.mayOn(permission, 'a')).toBe(false);
    expect(access.filterOf(permission)).toEqual({ within: [] });
  }
  expect(access.permissions()).toEqual(['runners.view']);
});

test('a grant gives what it says, where it says, and the sight of it', () => {
  const access = new Access('user', [grant('deploy-*', 'pipelines.launch')]);
  expect(access.mayOn('pipelines.launch', 'deploy-web')).toBe(true);
  expect(access.mayOn('pipelines.view', 'deploy-web')).toBe(true);
  expect(access.mayOn('pipelines.edit', 'deploy-web')).toBe(false);
  expect(access.mayOn('pipelines.launch', 'test')).toBe(false);
  expect(access.mayOn('pipelines.view', 'test')).toBe(false);
  expect(access.permissions()).toEqual(['pipelines.view', 'pipelines.launch', 'runners.view']);
});

test('a grant on secrets shows no pipeline', () => {
  const access = new Access('user', [grant('*', 'secrets.use')]);
  expect(access.mayOn('pipelines.view', 'a')).toBe(false);
  expect(access.mayOn('secrets.use', 'A')).toBe(true);
  expect(access.mayOn('secrets.write', 'A')).toBe(false);
});

test('the role is a ceiling: a viewer sees what was granted, and does nothing', () => {
  const access = new Access('viewer', [grant('*', 'pipelines.edit'), grant('*', 'secrets.write')]);
  expect(access.permissions()).toEqual(['pipelines.view']);
  expect(access.mayOn('pipelines.view', 'a')).toBe(true);
  expect(access.mayOn('pipelines.edit', 'a')).toBe(false);
});

test('an administrator may everything without grants', () => {
  const access = new Access('admin', []);
  expect(access.permissions()).toEqual(roleCeilings.admin);
  expect(access.filterOf('pipelines.edit')).toBeUndefined();
});

test('nobody but an administrator has a right of administration beyond seeing runners', () => {
  for (const permission of administrationPermissions) {
    expect(new Access('viewer', []).may(permission)).toBe(false);
    expect(new Access('user', []).may(permission)).toBe(permission === 'runners.view');
  }
});

test('a key with permissions has exactly those: launching does not bring seeing with it', () => {
  const access = new Access('admin', [], { permissions: ['pipelines.launch'] });
  expect(access.permissions()).toEqual(['pipelines.launch']);
  expect(access.mayOn('pipelines.view', 'a')).toBe(false);
  expect(access.filterOf('pipelines.view')).toEqual({ within: [] });
});

test('a key for some pipelines is for those only: it manages nothing and sees no secret', () => {
  const access = new Access('admin', [], { pipelines: ['a*'] });
  expect(access.permissions()).toEqual([...pipelinePermissions]);
  expect(access.mayOn('pipelines.edit', 'ab')).toBe(true);
  expect(access.mayOn('pipelines.edit', 'b')).toBe(false);
  expect(access.mayOn('secrets.use', 'A')).toBe(false);
  expect(access.may('users.manage')).toBe(false);
});

test('a key never may what its owner may not, whatever it says', () => {
  const permission = fc.constantFrom<AccessPermission>(...roleCeilings.admin);
  const pattern = fc.constantFrom('*', 'a', 'b', 'a*', '*b');
  const grants = fc.array(
    fc
      .tuple(pattern, fc.constantFrom(...pipelinePermissions, ...secretPermissions))
      .map(([name, right]) => grant(name, right)),
    { maxLength: 4 },
  );
  const limits: fc.Arbitrary<KeyLimits> = fc.record(
    { permissions: fc.array(permission), pipelines: fc.array(pattern) },
    { requiredKeys: [] },
  );
  const role = fc.constantFrom('admin', 'user', 'viewer');
  fc.assert(
    fc.property(role, grants, limits, permission, (who, given, limit, wanted) => {
      const owner = new Access(who, given);
      const key = new Access(who, given, limit);
      if (key.may(wanted)) expect(owner.may(wanted)).toBe(true);
      for (const object of [...pipelinePermissions, ...secretPermissions]) {
        for (const name of ['a', 'b', 'ab']) {
          if (key.mayOn(object, name)) expect(owner.mayOn(object, name)).toBe(true);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
