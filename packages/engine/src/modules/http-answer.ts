// What scripts see of an answer, whatever became of its body.
import { REDACTED } from '@rivet/base';
import type { LuaRecord } from '@rivet/lua';
import type { FinalExchange } from '../http/follow-redirects.ts';
import type { HttpRequest } from '../http/http-request.ts';

export function answerFields(
  request: HttpRequest,
  { exchange, url }: FinalExchange,
  durationMs: number,
): LuaRecord {
  const headers = Object.create(null) as LuaRecord;
  for (const [name, value] of exchange.headers) headers[name] = value;
  const record = Object.create(null) as LuaRecord;
  record.status = exchange.status;
  record.ok = exchange.status >= 200 && exchange.status < 300;
  record.headers = headers;
  record.url = request.secretUrl ? REDACTED : url.href;
  record.duration_ms = Math.round(durationMs);
  return record;
}
