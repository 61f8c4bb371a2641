// Imported before all else by what can be the first process of a container.
import { optimiseHotCode } from '@rivet/base';
import { runUnderInit } from '@rivet/processes';
import { startWithFlags } from './start-flags.ts';
import { growYoungGeneration } from './young-generation.ts';

runUnderInit();
startWithFlags();
// Until the first job: what is hot at a start is cold for as long as the runner waits.
optimiseHotCode(false);
growYoungGeneration(false);
