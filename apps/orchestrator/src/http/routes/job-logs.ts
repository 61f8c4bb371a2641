// Routes of the logs of a job: pages, the whole as text, and the stream that follows it.
import { Readable } from 'node:stream';
import { RivetError } from '@rivet/base';
import type { LogLine } from '@rivet/protocol';
import type { Database, JobRow } from '@rivet/store';
import { findJob } from '../../find.ts';
import { readLogPage, readWholeLog, startPosition } from '../../jobs/log-reader.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';
import { maySeeStill, streamJob } from '../job-stream.ts';
import { RECHECK_MS } from '../stream-keeper.ts';

type Names = 'getJobLogs' | 'getRawJobLogs' | 'streamJobLogs';

export function jobLogRoutes(services: Services): Handlers<Names> {
  const { database, logFollowers } = services;
  return {
    getJobLogs: async ({ params, query, person }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      return readLogPage(database, job, query);
    },
    getRawJobLogs: async ({ params, person, request, reply }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      reply.header('content-type', 'text/plain; charset=utf-8');
      reply.header('content-disposition', `attachment; filename="${job.id}.log"`);
      const maySee = (): Promise<boolean> => maySeeStill(services.authenticator, request, job);
      // As bytes: by objects it would read sixteen pieces ahead of a client that takes none.
      const text = Readable.from(rawText(database, job, maySee), { objectMode: false });
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
      await streamJob(services, call, job, (stream) => logFollowers.follow(stream, job.id, from));
      return undefined;
    },
  };
}

/** Breaks off for whoever reads slowly, and may not see the job any more. */
async function* rawText(
  database: Database,
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
