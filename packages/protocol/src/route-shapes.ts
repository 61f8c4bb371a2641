// The types of a route's parts, read from its entry in the table: for client and server.
import type { Static, TSchema } from 'typebox';
import type { RouteName, routes } from './routes.ts';

type PartOf<R, Part extends string> =
  R extends Record<Part, infer S extends TSchema> ? Static<S> : undefined;

export type RouteParams<Name extends RouteName> = PartOf<(typeof routes)[Name], 'params'>;
export type RouteQuery<Name extends RouteName> = PartOf<(typeof routes)[Name], 'query'>;
export type RouteBody<Name extends RouteName> = PartOf<(typeof routes)[Name], 'body'>;
/** Undefined for a stream and for an answer without content. */
export type RouteResponse<Name extends RouteName> = PartOf<(typeof routes)[Name], 'response'>;
