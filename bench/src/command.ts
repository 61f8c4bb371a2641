// Runs a program to its end and gives what it wrote; a failure shows its last words.
import { fileURLToPath } from 'node:url';
import { startProcess } from '@rivet/processes';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The launcher that people call. */
export const rivet = fileURLToPath(new URL('../../apps/cli/bin/rivet', import.meta.url));

/** The image that the set-up makes on every machine. */
export const BASE_IMAGE = 'localhost/rivet/base:latest';

/**
 * @param env what to set besides our own environment
 * @throws when the program cannot be started or ends with anything but 0
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = startProcess({
    file,
    args,
    cwd: root,
    env: { ...process.env, ...env },
    stdin: 'ignore',
  });
  const [stdout, stderr, exit] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    child.exit,
  ]);
  if (exit.error !== undefined) throw exit.error;
  if (exit.code === 0) return stdout;
  const end = exit.code ?? exit.signal;
  throw new Error(`${file} ${args.join(' ')} ended with ${end}:\n${stderr.slice(-2000)}`);
}

async function collect(stream: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
