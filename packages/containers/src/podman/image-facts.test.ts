// What is read from the answer of `podman image inspect`.
import { expect, it } from 'vitest';
import { imageFacts } from './image-facts.ts';

const Id = 'a'.repeat(64);

it('tells the instructions that an image brings for builds that begin with it', () => {
  const triggers = ['RUN --mount=type=bind,source=/link,target=/x true'];
  expect(imageFacts([{ Id, Config: { OnBuild: triggers } }], undefined)).toEqual({
    id: Id,
    digest: undefined,
    triggers,
  });
  for (const Config of [undefined, null, {}, { OnBuild: null }, { OnBuild: [] }]) {
    expect(imageFacts([{ Id, Config }], undefined)).toEqual({ id: Id, digest: undefined });
  }
});
