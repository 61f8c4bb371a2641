// Streams about one job: how many one person may have, and that only who may see the job goes on.
import type { JobRow } from '@rivet/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Person } from '../auth/principal.ts';
import type { Services } from '../services.ts';
import { EventStream } from './event-stream.ts';

export interface JobStreamCall {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  person(): Person;
}

/**
 * Streams what `write` sends about a job that the caller was allowed to see when the call began.
 * Ends soon after that is no longer so: signed out, disabled, role or grant taken away. An error
 * ends the stream: its client connects again and is then told.
 * @throws RIVET_WEB_STREAMS
 */
export async function streamJob(
  { streamSlots, streams }: Pick<Services, 'streamSlots' | 'streams'>,
  { request, reply, person }: JobStreamCall,
  job: JobRow,
  write: (stream: EventStream) => Promise<void>,
): Promise<void> {
  const giveBack = streamSlots.take(person());
  try {
    const stream = new EventStream(reply);
    const leave = streams.keep(stream, request, job.pipeline_name);
    try {
      await write(stream);
    } finally {
      leave();
      stream.end();
    }
  } finally {
    giveBack();
  }
}

/** Whether a request that began some time ago would be shown the job now. */
export async function maySeeStill(
  authenticator: Authenticator,
  request: FastifyRequest,
  job: JobRow,
): Promise<boolean> {
  const now = await authenticator.stillValid(request);
  return now?.kind === 'person' && now.access.mayOn('pipelines.view', job.pipeline_name);
}
