// A server does not start with a route that does not say who may call it.
import { silentLogger } from '@rivet/base';
import { type Route, routes } from '@rivet/protocol';
import { afterEach, expect, test } from 'vitest';
import { createMetrics } from '../metrics.ts';
import { type AppOptions, createApp } from './app.ts';

const kept = { ...routes.listJobs };
afterEach(() => Object.assign(routes.listJobs, kept));

/** Nothing of it is asked before the server listens. */
const options = {
  handlers: {},
  logger: silentLogger,
  metrics: createMetrics(),
  network: {},
  stopping: new AbortController().signal,
} as unknown as AppOptions;

test('a server starts when each of its routes has a permission', async () => {
  const app = await createApp(options);
  await app.close();
});

test.each([
  ['has no permission', undefined],
  ['has a permission that there is not', 'jobs.view'],
])('a route that %s keeps the server from starting', async (_, permission) => {
  Object.assign(routes.listJobs, { permission });
  await expect(createApp(options)).rejects.toThrow(/listJobs/);
});

test('a route without a permission does not compile', () => {
  // @ts-expect-error the permission is missing
  const route: Route = { method: 'GET', path: '/nowhere', summary: 'nothing' };
  expect(route.permission).toBeUndefined();
});
