// Downloads into a file of the workspace: streamed, checked, and under its name only when complete.
import { formatSize, RivetError } from '@rivet/base';
import type { Jail } from '../fs/jail.ts';
import { alreadyThere } from '../fs/make-directory.ts';
import type { PathBytes } from '../fs/script-path.ts';
import type { SpaceLimits } from '../fs/space-limits.ts';
import { filePlace, replaceFile } from '../fs/write-file.ts';
import type { FinalExchange } from './follow-redirects.ts';
import { exchangeFailure } from './http-failure.ts';
import type { HttpRequest } from './http-request.ts';
import { PartialFile } from './partial-file.ts';
import type { Progress } from './progress.ts';
import { readBody, tooLarge } from './read-body.ts';
import { type Sender, sendRequest } from './send-request.ts';
import { statusFailure } from './status-failure.ts';

/** A server that is silent for this long has gone away, in milliseconds. */
const STALL_MS = 60_000;
/** Of the text of an answer that is no file; it is quoted in the error. */
const ERROR_TEXT_BYTES_MAX = 64 * 1024;

export interface DownloadOptions {
  /** In the workspace. */
  readonly path: PathBytes;
  readonly parents: boolean;
  readonly overwrite: boolean;
  /** Permission bits; undefined for those of the file that is replaced, or of something new. */
  readonly mode: number | undefined;
  /** Of the whole file, in lower-case hexadecimal. */
  readonly sha256: string | undefined;
}

export interface Downloaded {
  readonly final: FinalExchange;
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Downloads a file. A try that breaks leaves what it has for the next one, which goes on from there
 * when the server still has the same file (`ETag`). Nothing is left of a download that fails.
 * @throws RIVET_HTTP_DIGEST, RIVET_HTTP_TOO_LARGE, RIVET_HTTP_STATUS, like `sendRequest`, and like
 *   `writeFile` of the workspace
 */
export async function downloadFile(
  request: HttpRequest,
  sender: Sender,
  jail: Jail,
  options: DownloadOptions,
  limits: SpaceLimits,
): Promise<Downloaded> {
  const { path, parents, overwrite, mode } = options;
  const place = filePlace(jail, jail.resolve(path, { follow: true, parents }));
  if (place.entry !== undefined && !overwrite) throw alreadyThere(jail, place.path);
  const replacedBytes = place.entry?.stats.size ?? 0;
  const done = Promise.withResolvers<Downloaded>();
  await replaceFile(jail, place, { mode, overwrite }, async (fd) => {
    const file = new PartialFile({ jail, path: place.path, fd, replacedBytes, limits });
    const final = await sendRequest(request, sender, {
      headers: () => ({ 'accept-encoding': 'identity', ...file.resumeHeaders }),
      stallMs: STALL_MS,
      take: (answer, progress) => takeAnswer(request, answer, progress, file),
    });
    const sha256 = file.digest();
    checkDigest(request, sha256, options.sha256);
    await file.sync();
    done.resolve({ final, bytes: file.length, sha256 });
  });
  return await done.promise;
}

async function takeAnswer(
  request: HttpRequest,
  final: FinalExchange,
  progress: Progress,
  file: PartialFile,
): Promise<FinalExchange> {
  const { exchange } = final;
  const asked = file.resumeHeaders.range;
  if (exchange.status === 206 && asked !== undefined) await goOn(request, final, file);
  else if (exchange.status === 200) await file.restart(exchange.headers.get('etag'));
  else throw await noFile(request, final, progress, file);
  const announced = Number(exchange.headers.get('content-length') ?? 0);
  const total = file.length + announced;
  if (total > request.bytesMax) throw tooLarge(request.shown, request.bytesMax, total);
  await file.reserve(total);
  const of = announced === 0 ? '' : ` of ${formatSize(total)}`;
  const chunks = exchange.body[Symbol.asyncIterator]();
  for (;;) {
    progress.phase = `reading the file, ${formatSize(file.length)}${of} so far`;
    const next = await chunks.next().catch((error: unknown) => {
      throw exchangeFailure(request.shown, progress, error);
    });
    if (next.done === true) return final;
    const chunk = next.value as Buffer;
    if (file.length + chunk.length > request.bytesMax) {
      throw tooLarge(request.shown, request.bytesMax, undefined);
    }
    await file.append(chunk);
  }
}

/** Checks that a part begins where the file ends. */
async function goOn(
  request: HttpRequest,
  { exchange }: FinalExchange,
  file: PartialFile,
): Promise<void> {
  const range = exchange.headers.get('content-range') ?? '';
  if (range.startsWith(`bytes ${file.length}-`)) return;
  await file.restart(undefined);
  throw RivetError.of('RIVET_HTTP_BROKEN', {
    request: request.shown,
    phase: 'going on with the file',
    reason: 'the server sent another part than it was asked for',
  });
}

/** The error of an answer that has no file. */
async function noFile(
  request: HttpRequest,
  { exchange }: FinalExchange,
  progress: Progress,
  file: PartialFile,
): Promise<RivetError> {
  const body = await readBody(exchange, request.shown, ERROR_TEXT_BYTES_MAX, progress).catch(() =>
    Buffer.alloc(0),
  );
  const failure = statusFailure(request.shown, exchange.status, body);
  if (exchange.status !== 416 || file.length === 0) return failure;
  // The file has become shorter than what is there already.
  await file.restart(undefined);
  const { message: reason } = failure;
  const phase = 'going on with the file';
  return RivetError.of('RIVET_HTTP_BROKEN', { request: request.shown, phase, reason });
}

function checkDigest(request: HttpRequest, found: string, expected: string | undefined): void {
  if (expected === undefined || found === expected) return;
  throw RivetError.of('RIVET_HTTP_DIGEST', { request: request.shown, found, expected });
}
