// Image names: what the parts are, and what is wrong with those that are none.
import { describe, expect, it } from 'vitest';
import { readImageName } from './image-name.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('readImageName', () => {
  it.each([
    ['alpine', [undefined, 'alpine', undefined, undefined]],
    ['owner/image:3.20', [undefined, 'owner/image', '3.20', undefined]],
    ['localhost/rivet/base', ['localhost', 'rivet/base', undefined, undefined]],
    ['localhost:5000/x:y', ['localhost:5000', 'x', 'y', undefined]],
    ['[::1]:5000/x', ['[::1]:5000', 'x', undefined, undefined]],
    [`quay.io/a/b:1@${DIGEST}`, ['quay.io', 'a/b', '1', DIGEST]],
    ['a__b/c-d.e', [undefined, 'a__b/c-d.e', undefined, undefined]],
  ])('takes %s apart', (image, [registry, path, tag, digest]) => {
    expect(readImageName(image)).toEqual({ registry, path, tag, digest });
  });

  it.each([
    ['', 'is empty'],
    ['--privileged', 'begins with "-"'],
    ['-v=/:/x', 'begins with "-"'],
    ['a b', 'has the character " "'],
    ['alpine\n', 'has the character "\\n"'],
    ['bild\u00e4', 'has the character "\u00e4"'],
    ['https://ghcr.io/x', 'is a URL'],
    ['Alpine', 'has upper-case letters in "Alpine"'],
    ['a:b:c', 'has more than one tag'],
    ['a:', 'has the tag "", which is not made of'],
    ['a//b', 'has an empty part'],
    ['/a', 'has an empty part'],
    ['a/', 'has an empty part'],
    ['../x', 'has the registry "..", which is not a host and port'],
    ['localhost:99999/x', 'has the registry "localhost:99999", which is not a host and port'],
    ['ex_ample.org/x', 'has the registry "ex_ample.org", which is not a host and port'],
    ['a___b', 'has the part "a___b", which is not made of'],
    ['a@b@c', 'has more than one "@"'],
    ['a@sha256:12', 'has a digest that is not like sha256'],
    [`a@${DIGEST}0`, 'has a sha256 digest that has not 64'],
    ['a'.repeat(256), 'has a name of more than 255 characters'],
  ])('says what is wrong with %j: %s', (image, problem) => {
    expect(readImageName(image)).toEqual({ problem: expect.stringContaining(problem) });
  });
});
