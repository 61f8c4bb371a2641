// Routes of the logs of a job: pages, the whole as text, and the stream that follows it.
import { Readable } from 'node:stream';
import { RivetError } from '@rivet/base';
import type { LogLine } from '@rivet/protocol';
import { type Database, type JobRow, type Queryable, type Reader, readJob } from '@rivet/store';
import { findJob } from '../../find.ts';
import { readLogPage, readWholeLog, startPosition } from '../../jobs/log-reader.ts';
import { hasEnded } from '../../jobs/transitions.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';
import { maySeeStill, streamJob } from '../job-stream.ts';
import { RECHECK_MS } from '../stream-keeper.ts';

type Names = 'getJobLogs' | 'getRawJobLogs' | 'streamJobLogs';

export function jobLogRoutes(services: Services): Handlers<Names> {
  const { database, reader, logFollowers } = services;
  return {
    getJobLogs: async ({ params, query, person }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      return readLogPage(await logSource(database, reader, job), job, query);
    },
    getRawJobLogs: async ({ params, person, request, reply }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      reply.header('content-type', 'text/plain; charset=utf-8');
      reply.header('content-disposition', `attachment; filename="${job.id}.log"`);
      const source = await logSource(database, reader, job);
      const maySee = (): Promise<boolean> => maySeeStill(services.authenticator, request, job);
      // As bytes: by objects it would read sixteen pieces ahead of a client that takes none.
      const text = Readable.from(rawText(source, job, maySee), { objectMode: false });
      await reply.send(text);
      return undefined;
    },
    streamJobLogs: async (call) => {
      const { params, person, request } = call;
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      const header = request.headers['last-event-id'];
      const from = await startPosition(
        database,
        job,
        header === undefined ? header : String(header),
      );
      const { id } = job;
      streamJob(services, call, job, (stream) => logFollowers.follow(stream, id, from));
      return undefined;
    },
  };
}

/**
 * Where the log of the job is whole: a copy, once it knows as well that the job has ended. Its end
 * comes after its log, and in that order copies learn of them.
 */
async function logSource(database: Database, reader: Reader, job: JobRow): Promise<Queryable> {
  if (!reader.isCopy || !hasEnded(job)) return database;
  const known = await readJob(reader, job.id);
  return known !== undefined && hasEnded(known) ? reader : database;
}

/** Breaks off for whoever reads slowly, and may not see the job any more. */
async function* rawText(
  database: Queryable,
  job: JobRow,
  maySee: () => Promise<boolean>,
): AsyncGenerator<string> {
  let askedAtMs = performance.now();
  for await (const lines of readWholeLog(database, job)) {
    if (performance.now() - askedAtMs > RECHECK_MS) {
      if (!(await maySee())) throw RivetError.of('RIVET_AUTH_INVALID', {});
      askedAtMs = performance.now();
    }
    yield lines.map((line: LogLine) => `${line.text}\n`).join('');
  }
}
