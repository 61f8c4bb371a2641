// Launches of which nobody learns whether they were committed.
import { uuidv7 } from '@rivet/base';
import type { Database } from '@rivet/store';
import { useTestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Person } from '../auth/principal.ts';
import { openTestDatabase, seedPipeline } from '../test-orchestrator.ts';
import { type PreparedLaunch, storeLaunches } from './store-launch.ts';

const testDatabase = useTestDatabase();
let database: Database;
beforeAll(() => {
  database = openTestDatabase(testDatabase.url);
});
afterAll(() => database.close());

test('are stored once, when the pool asks again for what was committed', async () => {
  const pipelineName = await seedPipeline(database);
  const text = 'SELECT id FROM pipelines WHERE name = $1';
  const [pipeline] = await database.query<{ id: string }>(
    { name: 'pipeline', text, repeatable: true },
    [pipelineName],
  );
  const prepared: PreparedLaunch = {
    ...{ pipelineId: pipeline?.id ?? '', pipelineName, version: 1, current: true, tags: [] },
    ...{ launchedBy: 'ada', event: 'api', retryOf: null, secretInputs: new Map() },
    jobs: [1, 2, 3].map(() => ({ id: uuidv7(), inputs: {}, priority: 0 })),
  };
  const twice: Database = {
    ...database,
    transaction: async (work, options) => {
      await database.transaction(work, options);
      return database.transaction(work, options);
    },
  };
  const audit = { record: async () => undefined } as unknown as AuditLog;
  const stored = await storeLaunches({ database: twice, audit }, {} as Person, [prepared], {
    ...{ key: undefined, batch: true },
  });
  expect(stored).toEqual({ kind: 'there already' });
  const queued = { name: 'queued', text: 'SELECT job_id FROM job_queue', repeatable: true };
  expect(await database.query(queued)).toHaveLength(3);
});
