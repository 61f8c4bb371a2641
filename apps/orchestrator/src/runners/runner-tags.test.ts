// Which tags a runner gets, whatever it says about itself.
import { describe, expect, it } from 'vitest';
import { checkTagKeys, grantTags } from './runner-tags.ts';

const tag = (text: string) => {
  const [key = '', value = ''] = text.split('=');
  return { key, value };
};
const tags = (...texts: string[]) => texts.map(tag);

describe('the tags of a runner', () => {
  it('are those of its registration, and of its own those that it may choose', () => {
    const granted = grantTags(tags('os=linux', 'arch=x64'), tags('env=prod'), ['os', 'arch']);
    expect(granted).toEqual(tags('os=linux', 'arch=x64', 'env=prod'));
  });

  it('are not replaced by what it says', () => {
    expect(grantTags(tags('os=linux'), tags('os=windows'), ['os'])).toEqual(tags('os=windows'));
  });

  it('may be said when they are given anyway', () => {
    expect(grantTags(tags('env=prod'), tags('env=prod'), [])).toEqual(tags('env=prod'));
  });

  it('leave out os and arch where the registration does not let it say them', () => {
    expect(grantTags(tags('os=linux', 'arch=x64'), [], [])).toEqual([]);
  });

  it('may be any where the registration says so, but for those of Rivet itself', () => {
    expect(grantTags(tags('gpu=yes'), [], ['*'])).toEqual(tags('gpu=yes'));
    expect(() => grantTags(tags('rivet.runner=other'), [], ['*'])).toThrow(
      expect.objectContaining({ code: 'RIVET_RUNNER_TAG_RESERVED' }),
    );
  });

  it.each([
    ['another key', tags('env=prod'), []],
    ['another value of a fixed key', tags('env=prod'), tags('env=test')],
  ])('with %s are refused, and named', (_, told, fixed) => {
    expect(() => grantTags(told, fixed, ['os', 'arch'])).toThrow(
      expect.objectContaining({
        code: 'RIVET_RUNNER_TAG_DENIED',
        message: expect.stringContaining('env=prod; it may choose os, arch'),
      }),
    );
  });

  it.each(['rivet.x', 'RIVET.X', 'rivet:x', 'rivet/x'])('never have the key %s', (key) => {
    expect(() => checkTagKeys([key])).toThrow(
      expect.objectContaining({ code: 'RIVET_RUNNER_TAG_RESERVED' }),
    );
  });
});
