// What a program is after it has started itself once more, and what V8 says that it compiles.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('./start-flags.ts', import.meta.url).href;

/** What a program of this text prints. */
async function printedBy(text: string, flags: readonly string[] = []): Promise<string> {
  const script = `import { startWithFlags } from ${JSON.stringify(MODULE)};${text}`;
  const args = [...flags, '--input-type=module', '-e', script, 'word'];
  const env = { ...process.env, KEPT: 'kept' };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout;
}

it('starts anew once: the same process with the same words and variables', async () => {
  const text = `
    const flag = process.execArgv.filter((word) => word.startsWith('--max-optimized'));
    console.log(JSON.stringify([process.pid, flag.length, process.argv[1], process.env.KEPT]));
    startWithFlags();`;
  const starts = (await printedBy(text)).trim().split('\n');
  const [[pid] = [], ...more] = starts.map((line) => JSON.parse(line) as unknown[]);
  expect(more).toEqual([[pid, 1, 'word', 'kept']]);
});

it('has V8 compile nothing that is hot before, and what is hot afterwards', async () => {
  const hot = (name: string): string => `
    function ${name}(turns) {
      let sum = 0;
      for (let i = 0; i < turns; i++) sum = (sum * 31 + i) | 0;
      return sum;
    }
    for (let i = 0; i < 3000; i++) ${name}(1000);`;
  const flags = ['--trace-opt', '--no-concurrent-recompilation', '--max-optimized-bytecode-size=0'];
  const trace = await printedBy(`${hot('early')} startWithFlags(); ${hot('late')}`, flags);
  expect(trace).not.toMatch(/completed compiling .*<JSFunction early /);
  expect(trace).toMatch(/completed compiling .*<JSFunction late .*MAGLEV/);
  expect(trace).toMatch(/completed compiling .*<JSFunction late .*TURBOFAN/);
});
