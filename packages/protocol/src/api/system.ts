// What a server says about itself: health, readiness, its own description.
import { type Static, Type } from 'typebox';

/** One word: whoever asks need not be signed in, and learns nothing else. */
export const Health = Type.Object({ status: Type.Literal('ok') });
export type Health = Static<typeof Health>;

/** An OpenAPI 3.1 document. */
export const OpenApi = Type.Record(Type.String(), Type.Unknown());
