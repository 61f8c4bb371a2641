// What a refused request is answered with.
import { type Static, Type } from 'typebox';
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
  /**
   * The facts of the message by name, for programs: `expected` of RIVET_REPORT_GAP and the like.
   */
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type Problem = Static<typeof Problem>;
