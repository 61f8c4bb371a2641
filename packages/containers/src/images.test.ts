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

  it('that is not valid is refused with the reason', () => {
    expect(() => parseImageName('--privileged')).toThrow(
      expect.objectContaining({
        code: 'RIVET_CONTAINER_IMAGE_INVALID',
        message: 'the image name "--privileged" is not valid: it begins with "-"',
      }),
    );
  });

  it('is told from the id of an image', () => {
    expect(isImageId(DIGEST)).toBe(true);
    expect(isImageId(DIGEST.slice(7))).toBe(true);
    expect(isImageId('alpine')).toBe(false);
  });
});
