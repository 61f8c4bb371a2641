// What a route's handler is given and answers: typed from the route table.
import type { RouteBody, RouteName, RouteParams, RouteQuery, RouteResponse } from '@rivet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** A request whose parts were held against the shapes of its route. */
export interface Call<Name extends RouteName> {
  readonly params: RouteParams<Name>;
  readonly query: RouteQuery<Name>;
  readonly body: RouteBody<Name>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers with the route's shape; a stream writes to the reply itself and answers undefined. */
type Handler<Name extends RouteName> = (call: Call<Name>) => Promise<RouteResponse<Name>>;

/** Handlers of some routes. */
export type Handlers<Names extends RouteName> = { readonly [Name in Names]: Handler<Name> };
