// Every script of the hostile corpus.
import type { HostileScript } from './hostile-script.ts';
import { depthScripts } from './scripts/depth.ts';
import { endlessScripts } from './scripts/endless.ts';
import { errorScripts } from './scripts/errors.ts';
import { escapeScripts } from './scripts/escape.ts';
import { hostCallScripts } from './scripts/host-calls.ts';
import { memoryScripts } from './scripts/memory.ts';
import { nativeLoopScripts } from './scripts/native-loops.ts';
import { sourceScripts } from './scripts/source.ts';

export const CORPUS: Readonly<Record<string, readonly HostileScript[]>> = {
  'endless loops': endlessScripts,
  'native loops': nativeLoopScripts,
  memory: memoryScripts,
  depth: depthScripts,
  source: sourceScripts,
  escapes: escapeScripts,
  errors: errorScripts,
  'host calls': hostCallScripts,
};
