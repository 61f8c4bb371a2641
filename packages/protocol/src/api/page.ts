// What lists have in common: pages, cursors, points in time.
import { type Static, type TSchema, Type } from 'typebox';

/** `?limit=&cursor=` of every list. */
export const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 50 })),
  /** `next_cursor` of the page before; opaque. */
  cursor: Type.Optional(Type.String({ maxLength: 500 })),
});
export type PageQuery = Static<typeof PageQuery>;

/** A page of a list; `next_cursor` is null on the last one. */
export const Page = <T extends TSchema>(item: T) =>
  Type.Object({
    items: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
  });

/** A point in time: ISO 8601, UTC. */
export const Timestamp = Type.String();
export const NullableTimestamp = Type.Union([Type.String(), Type.Null()]);
