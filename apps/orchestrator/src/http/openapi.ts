// This API as an OpenAPI 3.1 document, made from the route table.
import { PACKED_REPORT_TYPE, Problem, type Route, routePath, routes } from '@rivet/protocol';
import { BROWSER_COOKIE } from './browser-cookie.ts';

interface ObjectShape {
  readonly properties?: Readonly<Record<string, object>>;
  readonly required?: readonly string[];
}

const securitySchemes = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An access token or an API key; of runners, their own or a registration token',
  },
  browser: {
    type: 'apiKey',
    in: 'cookie',
    name: BROWSER_COOKIE,
    description: 'The session of a browser; counts for requests from pages of this origin only',
  },
};

/** The document; every shape stands where it is used. */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries<Route>(routes)) {
    const path = routePath(route).replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Rivet', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: { schemas: { Problem }, securitySchemes },
  };
}

function operation(name: string, route: Route): Record<string, unknown> {
  const parameters = [
    ...describe(route.params as ObjectShape | undefined, 'path'),
    ...describe(route.query as ObjectShape | undefined, 'query'),
    ...(['launchPipeline', 'retryJob'].includes(name) ? [header('Idempotency-Key')] : []),
    ...(route.stream === 'sse' ? [header('Last-Event-ID')] : []),
  ];
  return {
    operationId: name,
    summary: route.summary,
    'x-permission': route.permission,
    security: securityOf(route),
    ...(parameters.length > 0 && { parameters }),
    ...(route.body && { requestBody: { required: true, content: contentOf(route) } }),
    responses: {
      ...success(route),
      default: {
        description: 'What went wrong and what to do about it',
        content: {
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        },
      },
    },
  };
}

/** What a caller must bring; nothing for what is public. */
function securityOf({ permission }: Route): object[] {
  if (permission === 'public') return [];
  const ofPrograms = permission === 'runner' || permission === 'registration';
  return ofPrograms ? [{ bearer: [] }] : [{ bearer: [] }, { browser: [] }];
}

/** What a body may be sent as; OpenAPI has no word for bytes behind JSON. */
function contentOf({ body, packed }: Route): Record<string, object> {
  const bytes = { type: 'string', format: 'binary' };
  return {
    'application/json': { schema: body },
    ...(packed && { [PACKED_REPORT_TYPE]: { schema: bytes, 'x-json': packed } }),
  };
}

function success(route: Route): Record<string, unknown> {
  if (route.stream === 'sse') {
    const events = Object.entries(route.events ?? {}).map(([event, schema]) => ({ event, schema }));
    const content = { 'text/event-stream': { schema: { type: 'string' }, 'x-events': events } };
    return { 200: { description: 'Server-sent events', content } };
  }
  if (route.stream === 'text') {
    const content = { 'text/plain': { schema: { type: 'string' } } };
    return { 200: { description: 'Text', content } };
  }
  if (route.stream === 'redirect') return { 303: { description: 'Go to the Location' } };
  if (route.response === undefined) return { 204: { description: 'Done' } };
  return {
    200: { description: 'Done', content: { 'application/json': { schema: route.response } } },
  };
}

function describe(shape: ObjectShape | undefined, place: 'path' | 'query'): object[] {
  return Object.entries(shape?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: place,
    required: place === 'path' || (shape?.required ?? []).includes(name),
    schema,
  }));
}

function header(name: string): object {
  return { name, in: 'header', required: false, schema: { type: 'string' } };
}
