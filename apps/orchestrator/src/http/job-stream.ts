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
 * Returns at once: a stream is open for hours, and what was needed to open it is to be gone.
 * The stream ends soon after the caller may not see the job any more: signed out, disabled, role or
 * grant taken away. An error ends it too: its client connects again and is then told.
 * @param write kept for as long as the stream is open, with all that it knows
 * @throws RIVET_WEB_STREAMS
 */
export function streamJob(
  { streamSlots, streams }: Pick<Services, 'streamSlots' | 'streams'>,
  { request, reply, person }: JobStreamCall,
  job: JobRow,
  write: (stream: EventStream) => Promise<void>,
): void {
  const giveBack = streamSlots.take(person());
  const stream = new EventStream(reply);
  const leave = streams.keep(stream, request, job.pipeline_name);
  void writeToEnd(stream, write, [leave, giveBack]);
}

async function writeToEnd(
  stream: EventStream,
  write: (stream: EventStream) => Promise<void>,
  [leave, giveBack]: readonly [leave: () => void, giveBack: () => void],
): Promise<void> {
  try {
    await write(stream);
  } catch {
    // Its client is told when it connects again.
  } finally {
    leave();
    stream.end();
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
