// Whether V8 compiles code that is hot to machine code. Its compilers are large: a program in which
// they never ran takes 6 to 8 MB less.
import { setFlagsFromString } from 'node:v8';

/**
 * From now on V8 optimises what is hot, or leaves all as it is: for a program that does little
 * until it is given something to do. What was optimised already stays so.
 */
export function optimiseHotCode(on: boolean): void {
  for (const compiler of ['opt', 'maglev', 'sparkplug']) {
    setFlagsFromString(`--${on ? '' : 'no-'}${compiler}`);
  }
}
