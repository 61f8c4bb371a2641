// What a route's handler is given and answers: typed from the route table.
import type { RouteBody, RouteName, RouteParams, RouteQuery, RouteResponse } from '@rivet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Person, Principal } from '../auth/principal.ts';

/** A request whose parts were held against the shapes of its route. */
export interface Call<Name extends RouteName> {
  readonly params: RouteParams<Name>;
  readonly query: RouteQuery<Name>;
  readonly body: RouteBody<Name>;
  /** Who sent it; the guard has let such a caller through. */
  readonly principal: Principal;
  /**
   * The person who sent it.
   * @throws RIVET_AUTH_INVALID on a route that others than people call
   */
  person(): Person;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** Answers with the route's shape; a stream writes to the reply itself and answers undefined. */
type Handler<Name extends RouteName> = (call: Call<Name>) => Promise<RouteResponse<Name>>;

/** Handlers of some routes. */
export type Handlers<Names extends RouteName> = { readonly [Name in Names]: Handler<Name> };
