// What crosses the wire between Rivet's programs.

export * from './api/access.ts';
export * from './api/api-keys.ts';
export * from './api/audit.ts';
export * from './api/auth.ts';
export * from './api/id-tokens.ts';
export * from './api/jobs.ts';
export * from './api/page.ts';
export * from './api/pipelines.ts';
export * from './api/problem.ts';
export * from './api/runners.ts';
export * from './api/secrets.ts';
export * from './api/system.ts';
export * from './api/users.ts';
export * from './audit-actions.ts';
export { BlockBytes, bytesOfBlock } from './block-bytes.ts';
export { PRIORITY_MAX } from './bounds.ts';
export {
  type CallOptions,
  type Client,
  type ClientOptions,
  createClient,
  type ServerEvent,
} from './client/client.ts';
export { createEventParser, type RawEvent } from './client/event-parser.ts';
export type { Fetch, FetchInit } from './client/fetch.ts';
export { createHttpFetch } from './client/http-fetch.ts';
export { createPinnedFetch } from './client/pinned-fetch.ts';
export { problemError, receivedError } from './client/problem-error.ts';
export * from './definition.ts';
export * from './job-events.ts';
export * from './launch-event.ts';
export {
  decodeLogBlock,
  encodeLogBlock,
  inspectLogBlock,
  LogBlockError,
  type LogBlockFacts,
  type LogOrigin,
  type LogRun,
  logBlockLimits,
  openLogBlock,
  packLogBlock,
  runOf,
} from './log-block.ts';
export { type LogLines, readLogLines, splitText } from './log-lines.ts';
export {
  PACKED_REPORT_TYPE,
  packReport,
  partPackedReport,
  unpackReport,
} from './packed-report.ts';
export * from './protocol-version.ts';
export * from './route-shapes.ts';
export * from './routes/route.ts';
export * from './routes.ts';
export * from './states.ts';
export { createValidator, type Validate } from './validator.ts';
