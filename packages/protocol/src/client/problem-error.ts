// Turns the answer to a refused request into the error that the server raised.
import {
  type Detail,
  type ErrorCode,
  findErrorEntry,
  parseJsonObject,
  RivetError,
} from '@rivet/base';
import type { Problem } from '../api/problem.ts';
import type { Answer } from './fetch.ts';
import { readRetryAfter } from './retry-after.ts';

/** Statuses with which a proxy says that it could not reach the server behind it. */
const PROXY_STATUSES = new Set([502, 503, 504]);

/**
 * The error that an answer with a status of 400 and more stands for. Reads the body; never throws.
 */
export async function problemError(response: Answer, url: string): Promise<RivetError> {
  const text = await response.text().catch(() => '');
  const problem = parseProblem(text);
  // For callers that decide themselves when to try again.
  const asked = { retry_after_ms: readRetryAfter(response) };
  if (problem === undefined) {
    return PROXY_STATUSES.has(response.status)
      ? RivetError.of('RIVET_SERVER_UNREACHABLE', {
          ...asked,
          url,
          reason: `the proxy in front of it answered ${response.status}`,
        })
      : RivetError.of('RIVET_SERVER_ANSWER_INVALID', {
          url,
          found: `${response.status} with ${response.headers.get('content-type') ?? 'no content type'}`,
        });
  }
  return receivedError(problem, asked);
}

/** The error that a problem document tells of. */
export function receivedError(
  problem: Problem,
  asked: Readonly<Record<string, Detail | undefined>> = {},
): RivetError {
  const details: Record<string, Detail | undefined> = {
    ...(problem.details as Record<string, Detail> | undefined),
    ...asked,
    status: problem.status,
    hint: problem.solve,
    issues: problem.errors as unknown as Detail | undefined,
  };
  // A newer server may know codes that this program does not.
  return findErrorEntry(problem.code) === undefined
    ? RivetError.of('RIVET_SERVER_REFUSED', { ...details, detail: problem.detail })
    : RivetError.received(problem.code as ErrorCode, problem.detail, details);
}

function parseProblem(text: string): Problem | undefined {
  const value = parseJsonObject(text);
  const { code, detail, status } = (value ?? {}) as Partial<Problem>;
  const whole =
    typeof code === 'string' && typeof detail === 'string' && typeof status === 'number';
  return whole ? (value as unknown as Problem) : undefined;
}
