// Makes the image of a Lua process that is ready: a start-up snapshot of V8 in which the VM is
// loaded, its functions are compiled, and so is the Lua of the modules. A process that starts from
// it has nothing to read.
import { readFileSync } from 'node:fs';
import { startupSnapshot } from 'node:v8';
import type { WireProgram } from '../wire/messages.ts';
import { withoutEngine } from './channel.ts';
import { liftLimits } from './limits.ts';
import { precompile } from './modules.ts';
import { Program } from './program.ts';
import { serve } from './serve.ts';

const [, , rehearsal] = process.argv;
if (rehearsal === undefined) throw new Error('expected the file with the programs to rehearse');
const programs = JSON.parse(readFileSync(rehearsal, 'utf8')) as readonly WireProgram[];

// What has run once is compiled; more would have V8 optimise for programs that are none.
withoutEngine(() => {
  for (const wire of programs) {
    const program = new Program(wire);
    program.handle({ type: 'evaluate', id: 1 });
    program.run();
    liftLimits();
  }
});
for (const { modules } of programs) precompile(modules);
startupSnapshot.setDeserializeMainFunction(serve);
