// Makes the image of a Lua process that is ready: a start-up snapshot of V8 in which the VM is
// loaded, its functions are compiled, and so is the Lua of the modules. A process that starts from
// it has nothing to read.
import { readFileSync } from 'node:fs';
import { startupSnapshot } from 'node:v8';
import type { WireProgram } from '../wire/messages.ts';
import { rehearse } from './rehearse.ts';
import { serve } from './serve.ts';

const [, , path] = process.argv;
if (path === undefined) throw new Error('expected the file with the programs to rehearse');
rehearse(JSON.parse(readFileSync(path, 'utf8')) as readonly WireProgram[]);
startupSnapshot.setDeserializeMainFunction(serve);
