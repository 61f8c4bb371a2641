// The end of a command: text a person can act on, and the exit code.
import { RivetError } from '@rivet/base';
import { describe, expect, it } from 'vitest';
import { reportError } from './exit.ts';
import { memoryOutput } from './testing/memory-output.ts';

const report = async (thrown: unknown, options: { json?: boolean; debug?: boolean } = {}) => {
  const memory = memoryOutput();
  const env = options.debug === true ? { RIVET_DEBUG: '1' } : {};
  const code = await reportError(thrown, memory.output, env, { json: options.json === true });
  return { code, stdout: memory.stdout(), stderr: memory.stderr() };
};
const systemError = (code: string, path?: string): Error =>
  Object.assign(new Error(`${code}: what the system says`), { code, path, syscall: 'open' });

describe('reportError', () => {
  it('says what happened, what to do, and the code', async () => {
    const { code, stdout, stderr } = await report(
      RivetError.of('RIVET_USAGE', { problem: 'no such thing', hint: 'Do another thing.' }),
    );
    expect(stderr).toBe('error: no such thing\n  Do another thing.\n  (RIVET_USAGE)\n');
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('prints one JSON document for whoever asked for JSON', async () => {
    const { stderr } = await report(RivetError.of('RIVET_USAGE', { problem: 'p' }), { json: true });
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'RIVET_USAGE',
        message: 'p',
        solve: expect.any(String),
        details: { problem: 'p' },
      },
    });
  });

  it.each([
    [systemError('ENOSPC', '/d/x'), 1, /no space left on the disk while writing \/d\/x/],
    [systemError('ENOENT', '/d/x'), 2, /\/d\/x does not exist/],
    [systemError('EACCES', '/d/x'), 2, /no permission to open \/d\/x/],
    [systemError('EROFS', '/d/x'), 2, /no permission to open \/d\/x/],
  ])('turns %s into something to act on', async (thrown, expected, message) => {
    const { code, stderr } = await report(thrown);
    expect(stderr).toMatch(message);
    expect(code).toBe(expected);
  });

  it.each([
    [new Error('a defect'), /Rivet failed: a defect/],
    ['a text', /Rivet failed: a text/],
    [undefined, /Rivet failed: undefined/],
  ])('shows no stack of a defect (%s) unless asked', async (thrown, message) => {
    const { code, stderr } = await report(thrown);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(code).toBe(1);
  });

  it('shows stack and causes with RIVET_DEBUG=1, also of a ring', async () => {
    const inner = new Error('inner');
    const outer = new Error('outer', { cause: inner });
    inner.cause = outer;
    const { stderr } = await report(outer, { debug: true });
    expect(stderr).toMatch(/outer[\s\S]*at [\s\S]*caused by: [\s\S]*inner/);
  });
});
