// Which images a Containerfile needs.
import { describe, expect, it } from 'vitest';
import { readImages } from './containerfile.ts';

function names(text: string, given: Record<string, string> = {}) {
  const read = readImages(text, given);
  return 'images' in read ? read.images.map(({ name }) => name) : `${read.line}: ${read.problem}`;
}

describe('the images of a Containerfile', () => {
  it.each<[string, string, Record<string, string>, unknown]>([
    ['one', 'FROM alpine:3\nRUN x\n', {}, ['alpine:3']],
    ['with a platform', 'from --platform=linux/arm64 alpine AS a', {}, ['alpine']],
    ['each once, and no stages', 'FROM a AS One\nFROM one\nFROM a\nCOPY --from=0 /x /', {}, ['a']],
    ['no scratch', 'FROM scratch\nCOPY x /', {}, []],
    ['of COPY', 'FROM a\nCOPY --chown=1 --from=b:1 /x /', {}, ['a', 'b:1']],
    ['of ADD', 'FROM a\nADD --from="b" /x /', {}, ['a', 'b']],
    [
      'of mounts',
      'FROM a\nRUN --mount=type=bind,from=b,target=/x --mount=type=cache,target=/y c',
      {},
      ['a', 'b'],
    ],
    ['of ONBUILD', 'FROM a\nONBUILD COPY --from=b / /', {}, ['a', 'b']],
    ['over several lines', 'FROM \\\n# why\n\n  a\nCOPY \\\n  --from=b \\\n  / /', {}, ['a', 'b']],
    ['with another escape', '# escape=`\nFROM `\n a\nCOPY --from=b c:\\ `\n /', {}, ['a', 'b']],
    [
      'with CRLF and a byte order mark',
      '\uFEFFFROM a\r\nCOPY --from=b \\\r\n / /\r\n',
      {},
      ['a', 'b'],
    ],
    ['by default of an ARG', 'ARG V=3 W="4"\nFROM a:\x24{V}-$W', {}, ['a:3-4']],
    ['by a given ARG', 'ARG V=3\nFROM a:$V', { V: '5' }, ['a:5']],
    ['by an ARG in place', 'ARG V\nFROM a:\x24{V:-9}\x24{V:+x}', {}, ['a:9']],
    ['whatever looks like one in a comment', '# FROM x\nFROM a\n# COPY --from=b', {}, ['a']],
    ['whatever looks like one in a command', 'FROM a\nRUN echo COPY --from=b FROM c', {}, ['a']],
  ])('are found: %s', (_, text, given, expected) => {
    expect(names(text, given)).toEqual(expected);
  });

  it.each([
    ['ARG V\nFROM a:$V', '2: FROM a:$V needs a value for V'],
    ['FROM a:$V', '1: FROM a:$V needs a value for V'],
    [
      'FROM a\nARG V=b\nCOPY --from=$V / /',
      '3: COPY from $V can not be understood before the build',
    ],
    ['RUN x', '1: there is no FROM in it'],
    ['', '1: there is no FROM in it'],
    ['FROM ', '1: FROM names no image'],
  ])('can not be told: %j', (text, problem) => {
    expect(names(text)).toBe(problem);
  });
});
