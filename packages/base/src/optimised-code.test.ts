// Whether V8 optimises what is hot, as its own trace tells.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('./optimised-code.ts', import.meta.url).href;

/** What V8 says of a function that is hot after `calls` of `optimiseHotCode`. */
async function traceAfter(...calls: boolean[]): Promise<string> {
  const script = `
    import { optimiseHotCode } from ${JSON.stringify(MODULE)};
    function hotFunction(turns) {
      let sum = 0;
      for (let i = 0; i < turns; i++) sum = (sum * 31 + i) | 0;
      return sum;
    }
    for (const on of ${JSON.stringify(calls)}) {
      optimiseHotCode(on);
      for (let i = 0; i < 3000; i++) hotFunction(1000);
      console.log(on, %ActiveTierIsIgnition(hotFunction) ? 'interpreted' : 'machine code');
    }`;
  const args = [
    '--allow-natives-syntax',
    '--trace-opt',
    '--no-concurrent-recompilation',
    '--input-type=module',
    '-e',
    script,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout;
}

it('leaves what is hot as it is until it is told otherwise', async () => {
  const compiled = /completed compiling .*hotFunction/;
  const off = await traceAfter(false);
  expect(off).not.toMatch(compiled);
  expect(off).toContain('false interpreted');
  const onAgain = await traceAfter(false, true);
  expect(onAgain).toMatch(compiled);
  expect(onAgain).toContain('true machine code');
});
