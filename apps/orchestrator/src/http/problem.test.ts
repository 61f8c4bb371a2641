// What goes wrong is told to the log of the orchestrator without what its readers could use.
import { type Logger, silentLogger } from '@rivet/base';
import type { FastifyRequest } from 'fastify';
import { expect, test } from 'vitest';
import { clientError } from './problem.ts';

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
