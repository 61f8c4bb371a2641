// Whether V8 gives young objects more room when many of them are alive. Loading a program makes
// many, and what it needed for a moment stays resident while the program waits.
import { setFlagsFromString } from 'node:v8';

/** From now on that room grows as V8 would have it, or it keeps the size that it has. */
export function growYoungGeneration(on: boolean): void {
  setFlagsFromString(`--semi-space-growth-factor=${on ? 2 : 1}`);
}
