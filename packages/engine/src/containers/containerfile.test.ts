// Which images a Containerfile needs.
import { describe, expect, it } from 'vitest';
import { readContainerfile, triggerProblem } from './containerfile.ts';

function names(text: string, given: Record<string, string> = {}) {
  const read = readContainerfile(text, given);
  return 'images' in read ? read.images.map(({ name }) => name) : `${read.line}: ${read.problem}`;
}

describe('the images of a Containerfile', () => {
  it.each<[string, string, Record<string, string>, unknown]>([
    ['one', 'FROM alpine:3\nRUN x\n', {}, ['alpine:3']],
    ['with a platform', 'from --platform=linux/arm64 alpine AS a', {}, ['alpine']],
    ['each once, and no stages', 'FROM a AS one\nFROM one\nFROM a\nCOPY --from=0 /x /', {}, ['a']],
    ['no scratch', 'FROM scratch\nCOPY x /', {}, []],
    ['of COPY', 'FROM a\nCOPY --chown=1 --from=b:1 /x /', {}, ['a', 'b:1']],
    ['of ADD', 'FROM a\nADD --from=b /x /', {}, ['a', 'b']],
    [
      'of mounts',
      'FROM a\nRUN --mount=type=bind,from=b,target=/x --mount=type=tmpfs,target=/y c',
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
      '3: COPY from $V cannot be understood before the build',
    ],
    ['RUN x', '1: there is no FROM in it'],
    ['', '1: there is no FROM in it'],
    ['FROM ', '1: FROM names no image'],
  ])('cannot be told: %j', (text, problem) => {
    expect(names(text)).toBe(problem);
  });

  it.each([
    ['a name over two lines', 'FROM a\nCOPY --fr\\\nom=b / /', ['a', 'b']],
    ['a keyword over two lines', 'FROM a\nFR\\\nOM b', ['a', 'b']],
    ['a space that only Unicode knows', 'FROM a\n\u0085FROM b\n\u00a0FROM c', ['a', 'b', 'c']],
    ['no continuation', 'FROM a\nRUN echo \\\u00a0\nFROM b', ['a', 'b']],
    ['a directive that comes too late', '# x\n# escape=`\nFROM a\nRUN echo `\nFROM b', ['a', 'b']],
    [
      'the name of a stage in capitals',
      'FROM scratch AS B\nFROM b',
      '2: FROM b: the stage is called B',
    ],
    ['an escape in a flag', 'FROM a\nCOPY --fr\\om=b / /', /without quotes and escapes/],
    ['quotes in a flag', 'FROM a\nCOPY --fr"om"=b / /', /without quotes and escapes/],
    ['an id that looks like a stage', 'FROM a\nCOPY --from=123 / /', /cannot be understood/],
    ['an id of digits', 'FROM 123', /cannot be understood/],
    ['what is no instruction', 'FROM a\n\0FROM b', /is no instruction/],
    ['a line without an end', 'FROM a\nRUN x \\\\\n', /nothing follows/],
  ])('hides no image from Rivet that Podman sees: %s', (_, text, expected) => {
    if (expected instanceof RegExp) expect(names(text)).toMatch(expected);
    else expect(names(text)).toEqual(expected);
  });
});

describe('a build cannot reach beyond what it is given', () => {
  it.each([
    'RUN --mount=type=bind,source=link,target=/x true',
    'RUN --mount=type=bind,from=a,src=/link,target=/x,rw true',
    'RUN --mount=target=/x,rw true',
    'RUN --mount=type=cache,id=../../etc,target=/x true',
    'RUN --mount=type=ssh true',
    'RUN --mount="type=bind,source=link,target=/x" true',
    'RUN --mount=$M true',
    'RUN --mount=type=bind,type=secret,id=x true',
    'RUN --network=host true',
    'RUN --security=insecure true',
    'ONBUILD RUN --mount=type=bind,source=link,target=/x true',
    'ADD http://127.0.0.1/x /',
    'ADD h"ttp:/"/127.0.0.1/x /',
    'ADD $URL /',
    'ADD ["http:\\u002f\\u002f127.0.0.1/x", "/"]',
    'ADD git@127.0.0.1:x /',
    'ONBUILD ADD --chown=1 https://127.0.0.1/x /',
  ])('%s', (line) => {
    expect(names(`FROM a\nARG M\n${line}`)).toMatch(/^3: (?:RUN|ADD) /);
  });

  it.each([
    'RUN --mount=type=secret,id=token,required=true,mode=0400 --mount=type=tmpfs,target=/t true',
    'RUN --mount=type=bind,target=/src --network=none true',
    'ADD --chown=1:1 ["a.tar", "/x y"]',
    'COPY --chmod=755 $FILE /',
  ])('but may do this: %s', (line) => {
    expect(names(`FROM a\n${line}`)).toEqual(['a']);
  });

  it('is given what was read, one instruction a line, in the lines that they were in', () => {
    const text = 'ARG V=3\n# why\nFROM  a:$V as x\nRUN a \\\n# no\n  && b\ncopy --from=x  / /';
    expect(readContainerfile(text, { V: '4' })).toMatchObject({
      text: 'ARG V=3\n\nFROM a:4 AS x\nRUN a   && b\n\n\nCOPY --from=x / /\n',
    });
  });

  it.each([
    [['RUN --mount=type=bind,source=/link,target=/x true'], /^RUN --mount/],
    [['RUN true', 'COPY --from=other /x /'], 'it names the image other'],
    [['RUN true\nCOPY --from=other /x /'], 'it names the image other'],
    [['RUN true', 'COPY . /'], undefined],
  ])('nor can the triggers of its base image: %j', (triggers, expected) => {
    if (expected instanceof RegExp) expect(triggerProblem(triggers)).toMatch(expected);
    else expect(triggerProblem(triggers)).toBe(expected);
  });
});
