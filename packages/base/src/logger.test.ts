// What programs write to standard error for their operators.
import { execFile } from 'node:child_process';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('./index.ts', import.meta.url).href;

/** The lines that a program writes which does this with `createLogger` and `RivetError`. */
async function linesOf(body: string): Promise<Record<string, unknown>[]> {
  const script = `import { createLogger, RivetError, SecretText, silentLogger } from ${JSON.stringify(MODULE)};
    const logger = createLogger({ name: 'program', level: 'info' });
    ${body}`;
  const args = ['--input-type=module', '-e', script];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  expect(stdout).toBe('');
  const lines = stderr.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

it('writes a line of JSON with who says it', async () => {
  const before = Date.now();
  const [line, ...more] = await linesOf(`
    logger.debug({}, 'not at this level');
    silentLogger.error({}, 'never');
    logger.child({ job: 'j' }).child({ attempt: 2 }).warn({ tags: ['a'], none: undefined }, 'said');`);
  expect(more).toEqual([]);
  const { time, pid, ...rest } = line ?? {};
  expect(time).toBeGreaterThanOrEqual(before);
  expect(pid).not.toBe(process.pid);
  const job = { job: 'j', attempt: 2, tags: ['a'] };
  expect(rest).toEqual({ level: 40, hostname: hostname(), name: 'program', ...job, msg: 'said' });
});

it('says of an error what it is, where it was made and what it came from', async () => {
  const [{ err } = {}] = await linesOf(`
    const cause = new AggregateError([new TypeError('the reason')]);
    const error = RivetError.of('RIVET_SERVER_UNREACHABLE', { url: 'http://x', reason: 'y' }, cause);
    logger.error({ err: error }, 'failed');`);
  expect(err).toMatchObject({
    type: 'RivetError',
    code: 'RIVET_SERVER_UNREACHABLE',
    details: { url: 'http://x', reason: 'y' },
    message: expect.stringContaining('http://x'),
    stack: expect.stringContaining('at '),
    cause: { type: 'AggregateError', errors: [{ type: 'TypeError', message: 'the reason' }] },
  });
});

it('shows no secret, and loses no line to what JSON cannot hold', async () => {
  const lines = await linesOf(`
    const round = {};
    round.self = round;
    const error = new Error('its own cause');
    error.cause = error;
    logger.info({ token: new SecretText('hunter2'), bytes: 2n ** 60n }, 'first');
    logger.info({ round, other: 1 }, 'second');
    logger.info({ err: error }, 'third');`);
  expect(lines).toMatchObject([
    { token: '***', bytes: '1152921504606846976', msg: 'first' },
    { name: 'program', unwritable: ['round', 'other'], msg: 'second' },
    { err: { message: 'its own cause' }, msg: 'third' },
  ]);
});
