// What goes wrong is told to the log of the orchestrator without what its readers could use.
import { type Logger, RivetError, silentLogger } from '@rivet/base';
import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { clientError, problemAnswer } from './problem.ts';

test('a request that fails is logged with its path, and without what follows it', () => {
  const lines: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => lines.push(fields) };
  const request = {
    id: '1',
    method: 'GET',
    url: '/api/auth/oidc/callback?code=the-code&state=the-state',
    routeOptions: {},
  } as unknown as FastifyRequest;
  expect(clientError(new Error('a defect'), request, logger).code).toBe('RIVET_INTERNAL');
  expect(lines).toMatchObject([{ method: 'GET', path: '/api/auth/oidc/callback' }]);
  expect(JSON.stringify(lines)).not.toContain('the-code');
});

test.each([
  [RivetError.of('RIVET_WEB_STREAMS', { who: 'ada', limit: 200 }), 429],
  [RivetError.of('RIVET_SERVER_STOPPING', {}), 503],
  [RivetError.of('RIVET_DATABASE_FULL', { reason: 'its disk is full' }), 507],
])('who may come again is told when: %s', (error, status) => {
  const answer = problemAnswer(error);
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({ 'retry-after': '1' });
});

test('how long to wait is said by whoever knows it, and to nobody who need not come again', () => {
  const busy = RivetError.of('RIVET_AUTH_BUSY', { retry_after_ms: 2500 });
  expect(problemAnswer(busy).headers).toMatchObject({ 'retry-after': '3' });
  const refused = RivetError.of('RIVET_AUTH_INVALID', {});
  expect(problemAnswer(refused).headers).not.toHaveProperty('retry-after');
});
