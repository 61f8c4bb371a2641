// What a request is refused with: RFC 9457 problem documents, made from errors.
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type Detail, formatSize, isRivetError, type Logger, RivetError } from '@rivet/base';
import type { DefinitionIssue, Problem } from '@rivet/protocol';
import type { FastifyError, FastifyReply } from 'fastify';
import type { Asked } from './handler.ts';
import { securityHeaderLines } from './security-headers.ts';

/** Details that are not facts of the message, or go into a field of their own. */
const NOT_FACTS = new Set(['issues', 'errors', 'hint', 'status', 'retry_after_ms']);

/**
 * The problem document of an error. About the database a client is told nothing else: where it is
 * and what it said stands in the log.
 */
export function toProblem(error: RivetError): Problem {
  const { status } = error.entry;
  if (error.code.startsWith('RIVET_DATABASE_')) return databaseProblem(error);
  const facts = Object.entries(error.details).filter(([name]) => !NOT_FACTS.has(name));
  const { issues, errors } = error.details;
  const list = issues ?? errors;
  return {
    type: `urn:rivet:error:${error.code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: error.message,
    code: error.code,
    solve: error.solve,
    ...(Array.isArray(list) ? { errors: list as unknown as DefinitionIssue[] } : {}),
    ...(facts.length > 0 ? { details: Object.fromEntries(facts) } : {}),
  };
}

function databaseProblem({ code, entry: { status } }: RivetError): Problem {
  return {
    type: `urn:rivet:error:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: 'the server cannot use its database at the moment',
    code,
    solve: 'Try again soon; the log of the orchestrator says what is wrong.',
  };
}

/** Too many requests, not at the moment, no room at the moment. */
const WAITING = new Set([429, 503, 507]);

interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** An answer with a problem document. */
export function problemAnswer(error: RivetError): ProblemAnswer {
  const problem = toProblem(error);
  const { status } = problem;
  const { retry_after_ms: waitMs } = error.details;
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    // Whatever is away or full now may not be in a second: clients wait for as long as this says.
    ...(WAITING.has(status) && { 'retry-after': '1' }),
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...(typeof waitMs === 'number' && { 'retry-after': String(Math.ceil(waitMs / 1000)) }),
  };
  return { status, headers, text: JSON.stringify(problem) };
}

/** Answers a request with a problem document. */
export function sendProblem(reply: FastifyReply, error: RivetError): FastifyReply {
  const { status, headers, text } = problemAnswer(error);
  return reply.status(status).headers(headers).send(text);
}

/** Answers what is no HTTP request, or not one that is taken, on the bare connection. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  // Somebody who hangs up waits for no answer.
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = toProblem(brokenRequest(error));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${problem.status} ${problem.title}\r\nconnection: close\r\n` +
      `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `${securityHeaderLines()}\r\n${body}`,
  );
}

function brokenRequest({ code = '', message }: Error & { code?: string }): RivetError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return RivetError.of('RIVET_REQUEST_HEADERS_TOO_LARGE', { limit: formatSize(maxHeaderSize) });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return RivetError.of('RIVET_REQUEST_SLOW', {});
    default:
      // What the parser of Node says, such as "Parse Error: Invalid method encountered".
      return RivetError.of('RIVET_REQUEST_HTTP', {
        problem: message.replace(/^Parse Error: /, ''),
      });
  }
}

/** The error that a client is told. What is a defect of ours goes to the log only. */
export function clientError(
  error: FastifyError | Error,
  request: Asked,
  logger: Logger,
): RivetError {
  if (isRivetError(error) && error.code !== 'RIVET_INTERNAL') {
    if (error.fault === 'operator') {
      logger.warn({ request: request.id, code: error.code, err: error.cause }, error.message);
    }
    return error;
  }
  const { code, statusCode } = error as Partial<FastifyError>;
  const { method, url, routeOptions } = request;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return RivetError.of('RIVET_REQUEST_TOO_LARGE', {
        limit: formatSize(routeOptions.bodyLimit),
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE': {
      const found: Detail = request.headers['content-type'] ?? 'missing';
      return RivetError.of('RIVET_REQUEST_MEDIA_TYPE', { found });
    }
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return RivetError.of('RIVET_REQUEST_JSON', { problem: 'it is empty' });
    case 'FST_ERR_BAD_URL':
      return RivetError.of('RIVET_REQUEST_PATH', { path: url });
    default:
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return RivetError.of('RIVET_REQUEST_INVALID', { summary: error.message });
  }
  // Without what follows the path: the return from a sign-in elsewhere has its code there.
  const [path] = url.split('?', 1);
  logger.error({ request: request.id, method, path, err: error }, 'a request failed');
  const reason = `an unexpected error; the log of the orchestrator has it as request ${request.id}`;
  return RivetError.of('RIVET_INTERNAL', { reason }, error);
}
