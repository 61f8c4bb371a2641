// Deliberate mistakes of runners and orchestrators, made at the seams of their code. A simulation
// that does not notice one of them proves nothing.
import type { SimulatedOrchestrator } from '@rivet/orchestrator/simulation';
import type {
  ClaimResponse,
  ConnectRequest,
  ConnectResponse,
  JobReport,
  ReportRequest,
} from '@rivet/protocol';
import type { Database } from '@rivet/store';
import { readCurrentAttempt } from './rows.ts';
import type { DiskFilter } from './simulated-disk.ts';
import { STATEMENT_MUTATIONS, type StatementChange } from './statement-changes.ts';

/** A request on its way to the code of the server, or on its way out of a runner. */
interface Passing {
  readonly route: Route;
  readonly body: unknown;
  /** The job, where the path names one. */
  readonly job: string | undefined;
  readonly server: SimulatedOrchestrator;
  readonly database: Database;
}

export type Route = 'connect' | 'claim' | 'report' | 'reports' | 'leases' | 'bundle';

/** What is changed. Nothing of it is set in a simulation without a mistake. */
export interface Mutation {
  readonly name: string;
  /**
   * Of a rare one: where to begin to look, the first seed that noticed it when it was written. Any
   * change of the programs may move it by hundreds, so `npm test` leaves those to `--mistakes`.
   */
  readonly seed?: number | undefined;
  /** Of each history anew. */
  readonly make: () => {
    /** What the server does with a request; `next` is what it should do. */
    readonly serve?: (
      passing: Passing,
      next: (body: unknown) => Promise<unknown>,
    ) => Promise<unknown>;
    /** What a runner sends instead; an answer where it does not wait for one. */
    readonly send?: (route: Route, body: unknown) => { body: unknown; answer?: unknown };
    /** Writes of runners that are left out. */
    readonly disk?: DiskFilter;
    /** Of the statements of servers. */
    readonly statements?: readonly StatementChange[];
  };
}

/** The reports that a request brings, changed. */
async function changeReports(
  { route, body, job }: Pick<Passing, 'route' | 'body' | 'job'>,
  change: (report: ReportRequest, job: string) => ReportRequest | Promise<ReportRequest>,
): Promise<unknown> {
  if (route === 'report') return await change(body as ReportRequest, job ?? '');
  const { reports } = body as { reports?: JobReport[] };
  if (reports === undefined) return body;
  const changed = reports.map(async ({ job_id, ...report }) => ({
    job_id,
    ...(await change(report, job_id)),
  }));
  return { ...(body as object), reports: await Promise.all(changed) };
}

/** The same of what a runner sends, where nothing is waited for. */
function changeSent(
  route: Route,
  body: unknown,
  change: (report: ReportRequest & { readonly key: string }) => object,
): { body: unknown } {
  if (route === 'report') {
    const report = body as ReportRequest;
    return { body: { ...report, ...change({ ...report, key: report.lease_id }) } };
  }
  const { reports } = body as { reports?: JobReport[] };
  if (reports === undefined) return { body };
  const changed = reports.map((report) => ({
    ...report,
    ...change({ ...report, key: report.lease_id }),
  }));
  return { body: { ...(body as object), reports: changed } };
}

/** A change of what a runner sends again. */
function changeRepeated(change: (report: ReportRequest) => object): ReturnType<Mutation['make']> {
  const sent = new Set<string>();
  return {
    send: (route, body) =>
      changeSent(route, body, ({ key, ...report }) => {
        const id = `${key} ${report.seq}`;
        const again = sent.has(id);
        sent.add(id);
        return again ? change(report) : {};
      }),
  };
}

/** The server takes a report as if it were what the attempt that runs would send next. */
function taking(of: 'sequence' | 'attempt'): Mutation['make'] {
  return () => ({
    serve: async (passing, next) =>
      next(
        await changeReports(passing, async (report, job) => {
          const row = await readCurrentAttempt(passing.database, job);
          if (row === undefined) return report;
          const { attempt, lease_id, last_seq } = row;
          const seq = last_seq + 1;
          return of === 'sequence' ? { ...report, seq } : { ...report, attempt, lease_id, seq };
        }),
      ),
  });
}

/** A runner that starts again names, and uses, the lease that it had. */
function keepingLease(): ReturnType<Mutation['make']> {
  const before = new Map<string, string>();
  return {
    send: (route, body) => {
      if (route !== 'connect') {
        return changeSent(route, body, ({ key }) => ({ lease_id: before.get(key) ?? key }));
      }
      const { held, ...rest } = body as ConnectRequest;
      const kept = held?.map((one) => {
        const [first = '', ...next] = one.lease_ids;
        const lease = before.get(first) ?? first;
        for (const id of next) before.set(id, lease);
        return { ...one, lease_ids: [lease] };
      });
      return { body: { ...rest, held: kept } };
    },
  };
}

const answeredEarly = { lease_seconds: 8, cancel: false };

const SERVER_MUTATIONS: readonly Mutation[] = [
  { name: 'a report is taken for whatever attempt is current', make: taking('attempt') },
  { name: 'the sequence of reports is not checked', make: taking('sequence') },
  {
    name: 'a report is acknowledged before it is stored',
    make: () => {
      let taken = 0;
      const forgets = (): boolean => {
        taken += 1;
        return taken % 3 === 0;
      };
      return {
        serve: async ({ route, body }, next) => {
          if (route === 'report' && forgets()) return answeredEarly;
          if (route !== 'reports' || !forgets()) return next(body);
          const { reports } = body as { reports: JobReport[] };
          return { results: reports.map(({ job_id }) => ({ job_id, ...answeredEarly })) };
        },
      };
    },
  },
  {
    name: 'a claim is undone although it arrived',
    make: () => ({
      serve: async ({ route, body, server }, next) => {
        const answer = await next(body);
        if (route === 'claim') await server.undo((answer as ClaimResponse).jobs);
        return answer;
      },
    }),
  },
];

const RUNNER_MUTATIONS: readonly Mutation[] = [
  {
    name: 'a runner works on when its lease is over',
    make: () => ({
      serve: async ({ body }, next) =>
        JSON.parse(
          JSON.stringify(await next(body), (key, value) =>
            key === 'lease_seconds' ? value * 10 : value,
          ),
        ),
    }),
  },
  {
    name: 'a runner gives what it sends again a new number',
    make: () => changeRepeated(({ seq }) => ({ seq: seq + 1 })),
  },
  {
    name: 'a runner that starts again begins its log again',
    make: () => ({
      serve: async ({ route, body }, next) => {
        const answer = await next(body);
        if (route !== 'connect') return answer;
        const { held, ...rest } = answer as ConnectResponse;
        return { ...rest, held: held?.map((one) => ({ ...one, log_lines: 0 })) };
      },
    }),
  },
  {
    name: 'a runner forgets lines before they were acknowledged',
    make: () => changeRepeated(() => ({ log_blocks: [] })),
  },
  {
    name: 'a runner forgets outputs before they were acknowledged',
    make: () => changeRepeated(() => ({ outputs: {} })),
  },
  {
    name: 'a runner takes a report for stored before it was answered',
    make: () => ({
      send: (route, body) =>
        route === 'report' && (body as ReportRequest).seq > 1
          ? { body, answer: answeredEarly }
          : { body },
    }),
  },
  {
    name: 'a runner does not number its connects',
    make: () => ({
      send: (route, body) => {
        if (route !== 'connect') return { body };
        const { number: _, ...rest } = body as ConnectRequest;
        return { body: rest };
      },
    }),
  },
  { name: 'a runner that starts again keeps its lease', seed: 104, make: keepingLease },
  {
    name: 'a runner does not keep what a job tells before it goes on',
    make: () => ({ disk: (name) => name !== 'writevSync' }),
  },
];

export const MUTATIONS: readonly Mutation[] = [
  ...SERVER_MUTATIONS,
  ...RUNNER_MUTATIONS,
  ...STATEMENT_MUTATIONS.map(({ changes, ...rest }) => ({
    ...rest,
    make: () => ({ statements: changes }),
  })),
];
