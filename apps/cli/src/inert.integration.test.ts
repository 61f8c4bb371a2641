// The real program at a real terminal, with a job that prints everything a terminal would obey.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openTerminal, terminalMissing } from './testing/terminal.ts';
import { terminalAttacks } from './testing/terminal-attacks.ts';

const noTerminal = terminalMissing();

/** As Lua writes bytes that editors would not show. */
function luaString(text: string): string {
  return `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`;
}

it.skipIf(noTerminal !== undefined)(
  `a terminal gets no sequence of a job but colours (${noTerminal ?? 'script'})`,
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rivet-inert-'));
    const lines = terminalAttacks.map(([, text]) => `log.info(${luaString(text)})`).join('\n');
    await writeFile(
      join(directory, 'pipeline.lua'),
      `return pipeline.define({ name = "demo", stages = { { name = "s", script = function()
        log.info("\\027[31mred")
        ${lines}
        log.group(${luaString(terminalAttacks[0]![1])}, function() log.info("in a section") end)
        job.summary(${luaString(terminalAttacks[5]![1])})
        error(${luaString(terminalAttacks[8]![1])}) end } } })`,
    );
    const config = join(directory, 'config');
    await writeFile(config, '{}');
    const env = { HOME: directory, RIVET_DATA_DIRECTORY: directory, RIVET_CONFIG: config };
    const terminal = openTerminal(['run', 'pipeline.lua'], { env, cwd: directory });
    try {
      expect((await terminal.exit).code).toBe(1);
      const text = terminal.text();
      expect(text.match(/before.*?ter/g)?.length).toBeGreaterThanOrEqual(terminalAttacks.length);
      expect(text).toContain('\u001b[31mred');
      // Operating system commands, device controls and their like, in both notations, and the bell.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
      expect(text).not.toMatch(/\u001b[\]P_^X]|[\u0080-\u009f\u0007\u0005\u000e]/);
      // What the program itself needs: colours, the status line, the cursor.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
      const codes = new Set(text.match(/\u001b(\[[^@-~]*[@-~]|[^[])/g));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for control characters
      const own = /^\u001b\[(\d{1,3}(;\d{1,3})*m|\??\d*[AKJGhl])$/;
      expect([...codes].filter((code) => !own.test(code))).toEqual([]);
      expect(codes).not.toContain('\u001b[2J');
      expect(codes).not.toContain('\u001b[?1049h');
      expect(codes).not.toContain('\u001b[8m');
    } finally {
      terminal.kill();
      await rm(directory, { recursive: true, force: true });
    }
  },
);
