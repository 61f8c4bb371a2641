// Routes of the resource "runners", and those that a runner itself calls.
import type { ServerResponse } from 'node:http';
import { RivetError, uuidv7 } from '@rivet/base';
import type { ClaimedJob, ClaimRequest, ClaimResponse } from '@rivet/protocol';
import {
  type ClaimedRow,
  fulfilledTags,
  listRunners,
  registerRunner,
  seeRunner,
} from '@rivet/store';
import { takeReport } from '../../jobs/report.ts';
import { presentRunner } from '../../present.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';

type Names = 'listRunners' | 'registerRunner' | 'claimJobs' | 'reportJob';

/** Runners of one answer: the route has no pages yet that a caller asks for. */
const RUNNERS_MAX = 1000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function runnerRoutes(services: Services): Handlers<Names> {
  const { database } = services;
  return {
    listRunners: async () => {
      const rows = await listRunners(database, { after: '', limit: RUNNERS_MAX });
      return { items: rows.map(presentRunner), next_cursor: null };
    },
    registerRunner: async ({ body }) => {
      const session = uuidv7();
      const runnerId = await registerRunner(database, { id: uuidv7(), session, ...body });
      return { runner_id: runnerId, session };
    },
    claimJobs: ({ body, reply }) => claim(services, body, reply.raw),
    reportJob: ({ params, body }) => takeReport(services, params.id, body),
  };
}

async function claim(
  services: Services,
  body: ClaimRequest,
  response: ServerResponse,
): Promise<ClaimResponse> {
  const { dispatcher } = services;
  const gone = new AbortController();
  let rows: readonly ClaimedRow[] = [];
  // The runner is gone, or the answer could not be written: it will not know of these jobs.
  // Listened to before anything is awaited: whoever comes later is not told any more.
  response.once('close', () => {
    gone.abort();
    if (!response.writableFinished) void dispatcher.undo(rows);
  });
  const runner = await seen(services, body);
  rows = await dispatcher.claim({
    runnerId: body.runner_id,
    requestId: body.request_id,
    capacity: body.draining === true ? 0 : Math.min(body.capacity, runner.capacity),
    fulfils: fulfilledTags(runner.tags),
    waitMs: Math.min(body.wait_ms, services.pollMsMax),
    signal: gone.signal,
  });
  if (gone.signal.aborted) await dispatcher.undo(rows);
  services.metrics.claimed(rows.length);
  for (const row of rows) services.notifier.jobChanged(row.job_id);
  return { jobs: rows.map((row) => presentClaimed(row, services.leaseSeconds)) };
}

async function seen(services: Services, body: ClaimRequest) {
  const { runner_id: id, session, draining } = body;
  const known =
    UUID.test(id) && UUID.test(session)
      ? await seeRunner(services.database, { id, session, draining: draining === true })
      : undefined;
  if (known === undefined) throw RivetError.of('RIVET_RUNNER_UNKNOWN', { id });
  return known;
}

function presentClaimed(row: ClaimedRow, leaseSeconds: number): ClaimedJob {
  return {
    id: row.job_id,
    attempt: row.attempt,
    lease_id: row.lease_id,
    lease_seconds: leaseSeconds,
    pipeline: row.pipeline_name,
    version: row.version,
    bundle: row.bundle,
    definition: row.definition,
    inputs: row.inputs,
    launched_by: row.launched_by,
    created_at: row.created_at.toISOString(),
  };
}
