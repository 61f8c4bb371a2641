// Refusals in the audit log: each kind is there, and an attacker cannot fill the disk with them.
import { RivetError, silentLogger } from '@rivet/base';
import type { Database } from '@rivet/store';
import { describe, expect, it } from 'vitest';
import type { Principal } from '../auth/principal.ts';
import type { AuditEvent } from './audit-log.ts';
import { createRefusals } from './refusals.ts';

function setUp() {
  const rows: AuditEvent[] = [];
  const clock = { ms: 0 };
  const database = {
    transaction: (work: (tx: unknown) => Promise<void>) => work(undefined),
  } as unknown as Database;
  const audit = {
    record: async (_tx: unknown, _who: unknown, event: AuditEvent) => void rows.push(event),
  };
  const refusals = createRefusals({ database, audit, logger: silentLogger, now: () => clock.ms });
  return { rows, clock, refusals };
}

const from = (address: string): Principal => ({
  kind: 'anonymous',
  from: { address, requestId: 'r' },
});
const wrongToken = RivetError.of('RIVET_AUTH_INVALID', {});
const denied = RivetError.of('RIVET_ACCESS_DENIED', {
  who: 'ada',
  permission: 'pipelines.edit',
  object: ' on the pipeline build',
});
const times = (rows: readonly AuditEvent[]) => rows.map(({ details }) => details?.times ?? 1);

describe('a refusal', () => {
  it('has a row that says what was refused, and where', () => {
    const { rows, refusals } = setUp();
    refusals.note(from('192.0.2.1'), 'DELETE /api/pipelines/:ref', denied);
    refusals.note(from('192.0.2.1'), 'GET /api/pipelines', wrongToken);
    const route = 'DELETE /api/pipelines/:ref';
    expect(rows).toEqual([
      {
        action: 'access.denied',
        object: { kind: 'route', id: route, name: route },
        details: {
          code: 'RIVET_ACCESS_DENIED',
          permission: 'pipelines.edit',
          object: 'on the pipeline build',
        },
      },
      expect.objectContaining({ action: 'auth.refused', details: { code: 'RIVET_AUTH_INVALID' } }),
    ]);
  });

  it('is none where somebody only has to sign in, or asks for what is not there', () => {
    const { rows, refusals } = setUp();
    for (const error of [
      RivetError.of('RIVET_AUTH_REQUIRED', {}),
      RivetError.of('RIVET_PIPELINE_NOT_FOUND', { ref: '"x"', suggestion: '' }),
      RivetError.of('RIVET_REQUEST_INVALID', { summary: 'x' }),
    ]) {
      refusals.note(from('192.0.2.1'), 'GET /api', error);
    }
    expect(rows).toEqual([]);
  });

  it('that comes again is counted, and written when ten minutes are over', async () => {
    const { rows, clock, refusals } = setUp();
    for (let n = 0; n < 1000; n += 1) refusals.note(from('192.0.2.1'), 'GET /api', wrongToken);
    await refusals.flush();
    expect(times(rows)).toEqual([1]);
    clock.ms = 10 * 60_000;
    await refusals.flush();
    expect(times(rows)).toEqual([1, 999]);
    expect(rows[1]?.details).toMatchObject({ minutes: 10, code: 'RIVET_AUTH_INVALID' });
    await refusals.flush();
    expect(rows).toHaveLength(2);
  });

  it('is written with its count when the orchestrator stops', async () => {
    const { rows, refusals } = setUp();
    await refusals.start();
    for (let n = 0; n < 3; n += 1) refusals.note(from('192.0.2.1'), 'GET /api', wrongToken);
    await refusals.stop();
    expect(times(rows)).toEqual([1, 2]);
  });
});

it('a flood from a million addresses for a day leaves a bounded number of rows', async () => {
  const { rows, clock, refusals } = setUp();
  const minutes = 24 * 60;
  const each = 500;
  for (let minute = 0; minute < minutes; minute += 1) {
    for (let n = 0; n < each; n += 1) {
      refusals.note(from(`address ${minute} ${n}`), 'GET /api', wrongToken);
    }
    clock.ms += 60_000;
    await refusals.flush();
  }
  // 100 at once, 5 and a count each minute.
  expect(rows.length).toBeLessThanOrEqual(100 + 6 * minutes);
  const listed = rows.filter(({ action }) => action === 'auth.refused').length;
  const unlisted = rows
    .filter(({ action }) => action === 'audit.refused')
    .reduce((sum, { details }) => sum + Number(details?.['auth.refused']), 0);
  expect(listed + unlisted).toBe(minutes * each);
});
