// Shapes that several resources share: problems, pages, ids.
import { type Static, type TSchema, Type } from 'typebox';
import { DefinitionIssue } from '../definition.ts';

/** RFC 9457 problem document. `errors` lists the single mistakes of a definition or of inputs. */
export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  /** Code of the error catalogue. */
  code: Type.String(),
  /** What the reader can do about it. */
  solve: Type.Optional(Type.String()),
  errors: Type.Optional(Type.Array(DefinitionIssue)),
});
export type Problem = Static<typeof Problem>;

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
