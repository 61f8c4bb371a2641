// Questions at a real pseudo-terminal: each kind of input, re-asking, secrets, Ctrl-C.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTerminal, type Terminal, terminalMissing } from './testing/terminal.ts';

const missing = terminalMissing();
const DOWN = '\u001b[B';

let directory: string;
let terminal: Terminal | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-prompts-'));
});
afterEach(async () => {
  terminal?.kill();
  await terminal?.exit;
  await rm(directory, { recursive: true, force: true });
});

const open = async (inputs: string, ...args: string[]): Promise<Terminal> => {
  await writeFile(
    join(directory, 'p.lua'),
    `return pipeline.define({ name = "p", inputs = { ${inputs} },
      stages = { { name = "s", script = function() end } } })`,
  );
  terminal = openTerminal(['run', 'p.lua', '--dry-run', ...args], {
    env: { HOME: directory },
    cwd: directory,
  });
  return terminal;
};

describe.skipIf(missing !== undefined)(`at a terminal${missing ? ` (${missing})` : ''}`, () => {
  it('asks for text, and again with the reason', async () => {
    const t = await open('branch = { type = "string", pattern = "^%l+$", description = "which" }');
    await t.waitFor(/branch: which/);
    t.type('MAIN\r');
    await t.waitFor(/does not match the pattern/);
    await t.waitFor(/branch: which/);
    t.type('main\r');
    await t.waitFor(/branch = "main"/);
    expect((await t.exit).code).toBe(0);
  });

  it("asks again with the reason of the pipeline's own rule", async () => {
    const t = await open(
      'version = { type = "string", validate = function(v) return v == "1.0", "want 1.0" end }',
    );
    await t.waitFor(/version/);
    t.type('x\r');
    await t.waitFor(/want 1\.0/);
    await t.waitFor(/version/);
    t.type('1.0\r');
    await t.waitFor(/version = "1\.0"/);
    expect((await t.exit).code).toBe(0);
  });

  it('takes numbers as numbers, and yes or no as bools', async () => {
    const t = await open('jobs = { type = "number", max = 8 }, fast = { type = "bool" }');
    await t.waitFor(/jobs \(a number\)/);
    t.type('many\r');
    await t.waitFor(/not a number/);
    await t.waitFor(/jobs \(a number\)/);
    t.type('9\r');
    await t.waitFor(/too large/);
    await t.waitFor(/jobs \(a number\)/);
    t.type('4\r');
    await t.waitFor(/fast/);
    t.type('y');
    await t.waitFor(/jobs = 4\s+fast = true/);
    expect((await t.exit).code).toBe(0);
  });

  it('shows options as a list, one or several', async () => {
    const t = await open(`
      level = { type = "string", options = { "debug", "release" } },
      on = { type = "list", items = { type = "string", options = { "linux", "mac" } }, min_items = 1 }`);
    await t.waitFor(/level[\s\S]*debug[\s\S]*release/);
    t.type(`${DOWN}\r`);
    await t.waitFor(/on[\s\S]*linux[\s\S]*mac/);
    t.type(` ${DOWN} \r`);
    await t.waitFor(/level = "release"\s+on = \["linux","mac"\]/);
    expect((await t.exit).code).toBe(0);
  });

  it('takes a list with commas', async () => {
    const t = await open('names = { type = "list", items = { type = "string" } }');
    await t.waitFor(/names \(items with commas\)/);
    t.type('a,b\r');
    await t.waitFor(/names = \["a","b"\]/);
    expect((await t.exit).code).toBe(0);
  });

  it('never shows a secret', async () => {
    const t = await open('token = { type = "string", secret = true }');
    await t.waitFor(/token/);
    t.type('hunter2\r');
    await t.waitFor(/token = "\*\*\*"/);
    expect((await t.exit).code).toBe(0);
    expect(t.text()).not.toContain('hunter2');
  });

  it('does not ask for what has a value or need not have one', async () => {
    const t = await open(
      'a = { type = "string" }, b = { type = "string", default = "x" }, c = { type = "string", required = false }',
      '--input',
      'a=1',
    );
    await t.waitFor(/a = "1"\s+b = "x"\s[^=]*Stages/);
    expect((await t.exit).code).toBe(0);
  });

  it('asks nothing with --no-input', async () => {
    const t = await open('a = { type = "string" }', '--no-input');
    await t.waitFor(/required and have no value: a/);
    expect((await t.exit).code).toBe(2);
  });

  it('ends with exit code 130 on Ctrl-C', async () => {
    const t = await open('a = { type = "string" }');
    await t.waitFor(/a/);
    t.type('\u0003');
    await t.waitFor(/interrupted by Ctrl-C/);
    expect((await t.exit).code).toBe(130);
  });
});
