// What a route's handler is given and answers: typed from the route table.
import type { RouteName, routes } from '@rivet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';

type Shape<R, Part extends string> =
  R extends Record<Part, infer S extends TSchema> ? Static<S> : undefined;

/** A request whose parts were held against the shapes of its route. */
export interface Call<Name extends RouteName> {
  readonly params: Shape<(typeof routes)[Name], 'params'>;
  readonly query: Shape<(typeof routes)[Name], 'query'>;
  readonly body: Shape<(typeof routes)[Name], 'body'>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

type Answer<R> = R extends { response: infer S extends TSchema } ? Static<S> : undefined;

/** Answers with the route's shape; a stream writes to the reply itself and answers undefined. */
export type Handler<Name extends RouteName> = (
  call: Call<Name>,
) => Promise<Answer<(typeof routes)[Name]>>;

/** Handlers of some routes. */
export type Handlers<Names extends RouteName> = { readonly [Name in Names]: Handler<Name> };
