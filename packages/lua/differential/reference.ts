// Runs programs in Debian's lua5.3.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from '@rivet/processes';

const DRIVER = new URL('./driver.lua', import.meta.url);
/** Bounds what a program may run by mistake of the generator, in instructions. */
const STEPS_MAX = 20_000_000;

/** The text that runs one program, as a Lua chunk that returns a function. */
export async function readDriver(): Promise<string> {
  return readFile(DRIVER, 'utf8');
}

const MAIN = `
local file = assert(io.open(arg[1], "rb"))
local driver = assert(load(file:read("a"), "=driver.lua"))()
file:close()
local input = assert(io.open(arg[2], "rb"))
while true do
  local length = input:read(9)
  if not length then break end
  local source = input:read(tonumber(length))
  debug.sethook(function() debug.sethook() error("TOO LONG", 0) end, "", ${STEPS_MAX})
  local output = driver(source)
  debug.sethook()
  io.write(("%09d"):format(#output), output)
end
`;

/** What each program prints, as bytes in latin1. */
export async function runInLua(sources: readonly string[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'rivet-differential-'));
  try {
    const main = join(directory, 'main.lua');
    const input = join(directory, 'programs');
    await writeFile(main, MAIN);
    await writeFile(input, Buffer.concat(sources.map(framed)));
    const lua = startProcess({
      file: 'lua5.3',
      args: [main, DRIVER.pathname, input],
      env: { PATH: process.env.PATH },
      stdin: 'ignore',
    });
    const chunks: Buffer[] = [];
    const errors: Buffer[] = [];
    lua.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    lua.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
    const exit = await lua.exit;
    if (exit.error !== undefined) throw new Error(`lua5.3 did not start: ${exit.error.message}`);
    if (exit.code !== 0) throw new Error(`lua5.3 failed: ${Buffer.concat(errors).toString()}`);
    return unframed(Buffer.concat(chunks));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function framed(source: string): Buffer {
  const bytes = Buffer.from(source, 'latin1');
  return Buffer.concat([Buffer.from(String(bytes.length).padStart(9, '0')), bytes]);
}

function unframed(bytes: Buffer): string[] {
  const outputs: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.toString('latin1', at, at + 9));
    outputs.push(bytes.toString('latin1', at + 9, at + 9 + length));
    at += 9 + length;
  }
  return outputs;
}
