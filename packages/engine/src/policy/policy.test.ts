// What a policy lets through and what it refuses.

import type { PipelinePolicy } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { createPolicy } from './policy.ts';

const ofPipeline = (rules: PipelinePolicy) => createPolicy([{ owner: 'pipeline', rules }]);
const denied = expect.objectContaining({ code: 'RIVET_POLICY_DENIED' });

describe('the policy of commands', () => {
  const policy = ofPipeline({
    process: { allow: ['git', 'make', '/opt/tool'], deny: ['curl', '/usr/bin/git'] },
  });

  it.each(['git', '/bin/make', '/opt/tool'])('lets %s run', (command) => {
    expect(() => policy.checkCommand(command)).not.toThrow();
  });

  it.each(['sh', '/usr/bin/curl', '/usr/bin/git', '/other/tool', 'tool', 'gi', 'GIT', ''])(
    'refuses %j',
    (command) => {
      expect(() => policy.checkCommand(command)).toThrow(denied);
    },
  );

  it('lets everything run that is not denied when nothing is allowed by name', () => {
    const open = ofPipeline({ process: { deny: ['curl'] } });
    expect(() => open.checkCommand('sh')).not.toThrow();
    expect(() => open.checkCommand('curl')).toThrow(denied);
  });

  it('lets nothing run when the list is empty', () => {
    expect(() => ofPipeline({ process: { allow: [] } }).checkCommand('true')).toThrow(
      'process.allow of the pipeline is empty',
    );
  });
});

describe('the policy of containers', () => {
  it.each([
    ['docker.io/library/*', 'docker.io/library/alpine:3', true],
    ['docker.io/library/*', 'docker.io/other/alpine', false],
    ['*', 'anything', true],
    ['*/alpine', 'docker.io/library/alpine', true],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'acb', false],
    ['ab*bc', 'abc', false],
    ['alpine', 'alpine', true],
    ['alpine', 'alpine:latest', false],
    ['docker.io/library/alpine:*', 'alpine', true],
    ['docker.io/library/*', 'localhost/alpine', false],
    ['a.b', 'axb', false],
  ])('%s lets %s through: %s', (glob, image, allowed) => {
    const check = () => ofPipeline({ container: { images: [glob] } }).checkContainer({ image });
    if (allowed) expect(check()).toEqual({ image });
    else expect(check).toThrow(denied);
  });

  it('answers a hostile rule in time', () => {
    const policy = ofPipeline({ container: { images: ['*a'.repeat(100)] } });
    expect(() => policy.checkContainer({ image: `${'a'.repeat(250)}b` })).toThrow(denied);
  });

  it('fills in what it fixes, and refuses more', () => {
    const policy = ofPipeline({ container: { network: 'none', pull: 'missing' } });
    expect(policy.checkContainer({ image: 'x' })).toEqual({
      image: 'x',
      network: 'none',
      pull: 'missing',
    });
    expect(policy.checkContainer({ image: 'x', pull: 'never' }).pull).toBe('never');
    expect(() => policy.checkContainer({ image: 'x', network: 'default' })).toThrow(denied);
    expect(() => policy.checkContainer({ image: 'x', pull: 'always' })).toThrow(denied);
  });
});
