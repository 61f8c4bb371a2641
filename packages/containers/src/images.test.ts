// Which image names are valid, and what they stand for.
import { describe, expect, it } from 'vitest';
import { isImageId, parseImageName, qualifyImageName } from './images.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('an image name', () => {
  it.each([
    ['alpine', 'docker.io/library/alpine:latest'],
    ['alpine:3.20', 'docker.io/library/alpine:3.20'],
    ['owner/image', 'docker.io/owner/image:latest'],
    ['ghcr.io/Owner'.toLowerCase(), 'ghcr.io/owner:latest'],
    ['localhost/rivet/base', 'localhost/rivet/base:latest'],
    ['localhost:5000/x:y', 'localhost:5000/x:y'],
    ['[::1]:5000/x', '[::1]:5000/x:latest'],
    ['docker.io/alpine', 'docker.io/library/alpine:latest'],
    [`alpine@${DIGEST}`, `docker.io/library/alpine@${DIGEST}`],
    [`quay.io/a/b:1@${DIGEST}`, `quay.io/a/b@${DIGEST}`],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest'],
  ])('%s is pulled as %s', (name, qualified) => {
    expect(qualifyImageName(name)).toBe(qualified);
  });

  it.each([
    ['', 'it is empty'],
    ['--privileged', 'it starts with "-"'],
    ['-v=/:/x', 'it starts with "-"'],
    ['a b', 'it holds white space'],
    ['alpine\n', 'it holds white space'],
    ['https://ghcr.io/x', 'it is a URL'],
    ['Alpine', '"Alpine" has capital letters'],
    ['a:b:c', 'the tag "b:c" is not made of'],
    ['a:', 'the tag "" is not made of'],
    ['a//b', 'a part of its name is empty'],
    ['/a', 'a part of its name is empty'],
    ['a/', 'a part of its name is empty'],
    ['../x', '".." is not a host name'],
    ['a___b', '"a___b" is not made of'],
    ['ex_ample.org/x', '"ex_ample.org" is not a host name'],
    ['a@b@c', 'it holds more than one "@"'],
    ['a@sha256:12', '"sha256:12" is not a digest'],
    [`a@${DIGEST}0`, 'a sha256 digest has 64'],
    ['a'.repeat(256), 'its name is longer than 255'],
  ])('%j is refused: %s', (name, reason) => {
    expect(() => parseImageName(name)).toThrow(
      expect.objectContaining({
        code: 'RIVET_CONTAINER_IMAGE_INVALID',
        message: expect.stringContaining(reason),
      }),
    );
  });

  it('is told from the id of an image', () => {
    expect(isImageId(DIGEST)).toBe(true);
    expect(isImageId(DIGEST.slice(7))).toBe(true);
    expect(isImageId('alpine')).toBe(false);
  });
});
