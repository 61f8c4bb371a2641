// What a route's handler is given and answers: typed from the route table.
import type { RouteBody, RouteName, RouteParams, RouteQuery, RouteResponse } from '@rivet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What is known of any request, also of one that does not come through the framework. */
export type Asked = Pick<FastifyRequest, 'id' | 'method' | 'url' | 'headers'> & {
  readonly routeOptions: { readonly bodyLimit: number };
};

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

/** A call that may not have come through the framework. */
export interface WaitingCall<Name extends Waiting> extends Omit<Call<Name>, 'request' | 'reply'> {
  readonly request: Asked;
  readonly reply: Pick<FastifyReply, 'raw'>;
}

/**
 * An answer that may come much later. A promise would keep every function that awaits it, with all
 * that those know; of a call that is answered so only this is kept, and what sends the answer.
 */
export class LaterAnswer<Value> {
  #make: (() => Promise<Value>) | undefined;
  #send: ((answer: Promise<Value>) => void) | undefined;

  /** `send` is told the answer, once, as soon as there is one. */
  whenReady(send: (answer: Promise<Value>) => void): void {
    if (this.#make === undefined) this.#send = send;
    else send(this.#make());
  }

  /** Says how the answer is made; to be called once. */
  protected settle(make: () => Promise<Value>): void {
    this.#make = make;
    this.#send?.(make());
    this.#send = undefined;
  }
}

/** Routes whose callers may wait for long. */
type Waiting = 'claimJobs';

/** Answers with the route's shape; a stream writes to the reply itself and answers undefined. */
type Handler<Name extends RouteName> = (
  call: Name extends Waiting ? WaitingCall<Name> : Call<Name>,
) => Promise<
  RouteResponse<Name> | (Name extends Waiting ? LaterAnswer<RouteResponse<Name>> : never)
>;

/** Handlers of some routes. */
export type Handlers<Names extends RouteName> = { readonly [Name in Names]: Handler<Name> };
