// One page: where it is, which route of the API it is like, how it is made.
import type { RivetError } from '@rivet/base';
import type { RouteName } from '@rivet/protocol';
import type { Call } from '../handler.ts';

interface PageRouteOf<Name extends RouteName> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /**
   * The route of the API that this page shows or does: it takes the same parameters, and needs the
   * same permission. So no page can do what its user could not do without pages.
   */
  readonly like: Name;
  /** The markup; undefined when the handler has answered itself. */
  handle(call: Call<Name>): Promise<string | undefined>;
  /** The markup for an error of `handle` that this page shows itself; undefined for any other. */
  refuse?(call: Call<Name>, error: RivetError): Promise<string | undefined>;
}

export type PageRoute = PageRouteOf<RouteName>;

/** Keeps the call of a handler typed by the route that its page is like. */
export function page<Name extends RouteName>(route: PageRouteOf<Name>): PageRoute {
  return route as unknown as PageRoute;
}
