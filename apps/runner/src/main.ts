// The runner program. Most of it is loaded only when this process is what it is to be: under an
// init, and without V8's compilers of hot code, which loading it would wake.
import './under-init.ts';

void import('./run-runner.ts').then(({ runRunner }) => runRunner());
