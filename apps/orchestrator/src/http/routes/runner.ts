// What a runner itself calls: register, connect, change its token, claim, report.
import type { ServerResponse } from 'node:http';
import { RivetError } from '@rivet/base';
import type { ClaimRequest, ClaimResponse, JobReportResult } from '@rivet/protocol';
import { listRevokedRunners, offerRunnerToken, violatedConstraint } from '@rivet/store';
import type { Principal, RunnerPrincipal } from '../../auth/principal.ts';
import type { ReportsOfClaim } from '../../jobs/brought-reports.ts';
import { ClaimCall } from '../../jobs/claim-call.ts';
import { findHeldJob } from '../../jobs/held-lease.ts';
import { clean } from '../../jobs/report-content.ts';
import { freeBlocks } from '../../jobs/reported-log.ts';
import { connect } from '../../runners/connect.ts';
import { registerRunner } from '../../runners/register.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';
import { answerEach, takeReports } from './reports.ts';

type Names =
  | 'registerRunner'
  | 'connectRunner'
  | 'changeRunnerToken'
  | 'claimJobs'
  | 'fetchJobBundle'
  | 'reportJob'
  | 'reportJobs'
  | 'renewLeases';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** A runner that has as many jobs as it may have, or shall end, asks again soon: milliseconds. */
const FULL_MS = 2000;

export function runnerCallRoutes(services: Services): Handlers<Names> {
  const { database, audit, knownRunners } = services;
  return {
    registerRunner: async ({ body, principal }) => {
      if (principal.kind !== 'registration') throw RivetError.of('RIVET_AUTH_INVALID', {});
      const { runnerId } = await database.transaction(
        async (tx) => {
          const registered = await registerRunner(tx, principal.tokenId, body);
          if (registered.isNew) {
            const tags = body.tags.map(({ key, value }) => `${key}=${value}`);
            await audit.record(tx, principal, {
              action: 'runner.register',
              object: { kind: 'runner', id: registered.runnerId, name: body.name },
              details: { tags, capacity: body.capacity, version: body.version },
            });
          }
          return registered;
        },
        { repeatable: true },
      );
      return { runner_id: runnerId };
    },
    connectRunner: async ({ body, principal }) => {
      const runner = runnerOf(principal);
      const connected = await connect(services, runner, body);
      // Before it is answered, so that this ends no poll of the process that connects.
      await knownRunners.change(runner.runnerId);
      return connected;
    },
    changeRunnerToken: async ({ body, principal }) => {
      const hash = Buffer.from(body.token_sha256, 'hex');
      const runner = runnerOf(principal);
      const offering = database.transaction(
        async (tx) => {
          if (!(await offerRunnerToken(tx, runner.runnerId, hash))) return;
          const object = { kind: 'runner', id: runner.runnerId, name: runner.name };
          await audit.record(tx, runner, { action: 'runner.token', object });
        },
        { repeatable: false },
      );
      await offering.catch((error: unknown) => {
        if (violatedConstraint(error) === undefined) throw error;
        const summary = 'body.token_sha256 is that of another runner; expected a new one';
        throw RivetError.of('RIVET_REQUEST_INVALID', { summary }, error);
      });
      void knownRunners.change(runner.runnerId);
    },
    claimJobs: async ({ body, principal, request, reply }) => {
      const runner = runnerOf(principal);
      const { reports, ...asked } = body;
      if (reports === undefined) return claim(services, runner, asked, reply.raw);
      const take = (of?: ReportsOfClaim): Promise<JobReportResult[]> =>
        takeReports(services, request, runner, reports, of);
      // Nobody waits for jobs before its reports are answered.
      const now = { ...asked, wait_ms: 0 };
      // One that comes again may have jobs already, and is then answered without a claim.
      const together =
        body.repeat === false ? services.reports.ofClaim(runner.runnerId, reports) : undefined;
      if (together !== undefined && together.reports.length === reports.length) {
        const call = await claim(services, runner, now, reply.raw, together);
        const claimed = await services.reports.keepingLeases(claimedBy(call));
        return { ...claimed, reports: await take(together) };
      }
      // First: what they free can be claimed.
      const results = await take();
      if (reply.raw.destroyed) return { jobs: [] };
      const claimed = await claimedBy(await claim(services, runner, now, reply.raw));
      return { ...claimed, reports: results };
    },
    fetchJobBundle: async ({ params, query, principal }) => {
      const { attempt, lease_id: leaseId } = query;
      const lease = { jobId: params.id, attempt, leaseId };
      const job = await findHeldJob(database, runnerOf(principal).runnerId, lease);
      return (await services.versions.of(database, job.pipeline_id, job.version)).bundle;
    },
    reportJob: async ({ params, body, principal }) => {
      const answer = await services.reports.take(runnerOf(principal).runnerId, params.id, body);
      // Stored, and told to those who follow the log. Of large logs the heap would have to be
      // collected again and again.
      freeBlocks(body);
      return answer;
    },
    reportJobs: async ({ body, principal, request }) => ({
      results: await takeReports(services, request, runnerOf(principal), body.reports),
    }),
    renewLeases: async ({ body, principal, request }) => {
      const { runnerId } = runnerOf(principal);
      const results = await answerEach(services, request, body.leases, (lease) =>
        services.reports.keepingLeases(services.leases.renew(runnerId, lease)),
      );
      return { results };
    },
  };
}

/** The runner of a call whose route is only for runners. */
function runnerOf(principal: Principal): RunnerPrincipal {
  if (principal.kind === 'runner') return principal;
  throw RivetError.of('RIVET_AUTH_INVALID', {});
}

/** Asks for jobs; the answer comes when there are some, or the time is up. */
async function claim(
  services: Services,
  { runnerId, name }: RunnerPrincipal,
  body: ClaimRequest,
  response: ServerResponse,
  brought?: ReportsOfClaim,
): Promise<ClaimCall> {
  const { dispatcher, database, knownRunners } = services;
  const call = new ClaimCall(services, { runnerId, knownBundles: body.known_bundles }, response);
  const {
    draining = false,
    problem: said,
    full = said !== undefined,
    repeat = true,
    request_id: requestId,
    capacity: wanted,
  } = body;
  // What Podman says may hold any text.
  const problem = said === undefined ? null : clean(said);
  const session = body.session.toLowerCase();
  const seen = UUID.test(session)
    ? await knownRunners.see({ runnerId, session, draining, problem, wanted })
    : undefined;
  if (seen === undefined) {
    // Revoked since its token was looked at: it is told so, and not that another took its place.
    const revoked = await listRevokedRunners(database, [runnerId]);
    if (revoked.length > 0) throw RivetError.of('RIVET_AUTH_INVALID', {});
    throw RivetError.of('RIVET_RUNNER_UNKNOWN', { name });
  }
  const { room, capacity, terms, changeToken, pauseMs, drain } = seen;
  const soon = (room === 0 && !full) || drain;
  const waitMsMax = soon ? Math.min(FULL_MS, services.pollMsMax) : services.pollMsMax;
  call.changeToken = changeToken;
  call.drain = drain;
  const paused = pauseMs > 0;
  const poll = {
    runnerId,
    requestId,
    repeat,
    capacity: draining || full || paused || problem !== null ? 0 : Math.min(wanted, capacity, room),
    terms,
    // One that should change its token is told at once.
    waitMs: changeToken ? 0 : Math.min(body.wait_ms, waitMsMax, paused ? pauseMs : waitMsMax),
    brought,
  };
  dispatcher.claim(poll, call);
  return call;
}

/** For whoever has something else to say in the same answer. */
function claimedBy(call: ClaimCall): Promise<ClaimResponse> {
  return new Promise((resolve) => call.whenReady(resolve));
}
