// Routes of the logs of a job: pages, the whole as text, and the stream that follows it.
import { Readable } from 'node:stream';
import type { LogLine } from '@rivet/protocol';
import type { Database, JobRow } from '@rivet/store';
import { findJob } from '../../find.ts';
import { followLog, readLogPage, readWholeLog, startPosition } from '../../jobs/log-reader.ts';
import type { Services } from '../../services.ts';
import type { Handlers } from '../handler.ts';
import { streamJob } from '../job-stream.ts';

type Names = 'getJobLogs' | 'getRawJobLogs' | 'streamJobLogs';

export function jobLogRoutes(services: Services): Handlers<Names> {
  const { database, watcher } = services;
  return {
    getJobLogs: async ({ params, query, person }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      return readLogPage(database, job, query);
    },
    getRawJobLogs: async ({ params, person, reply }) => {
      const job = await findJob(database, person(), params.id, 'pipelines.view');
      reply.header('content-type', 'text/plain; charset=utf-8');
      reply.header('content-disposition', `attachment; filename="${job.id}.log"`);
      await reply.send(Readable.from(rawText(database, job)));
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
      await streamJob(services, call, job, async (stream) => {
        const watch = watcher.watch(job.id);
        try {
          for await (const part of followLog(database, job.id, from, watch, stream.signal)) {
            if (part.kind === 'end') return await stream.send('end', part.job);
            for (const line of part.lines) {
              await stream.send('line', line, `${part.attempt}:${line.n}`);
            }
          }
        } finally {
          watch.close();
        }
      });
      return undefined;
    },
  };
}

async function* rawText(database: Database, job: JobRow): AsyncGenerator<string> {
  for await (const lines of readWholeLog(database, job)) {
    yield lines.map((line: LogLine) => `${line.text}\n`).join('');
  }
}
