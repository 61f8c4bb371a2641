// Fetches a master key from where the settings say: a variable, a file, or a command that asks a
// KMS.
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { describeThrown, RivetError, type SecretText } from '@rivet/base';
import { type HostProcess, startProcess } from '@rivet/processes';
import { type MasterKey, parseMasterKey } from './master-key.ts';
import { splitCommand } from './split-command.ts';

/** Where a master key comes from. `setting` names the variable, for errors. */
export type MasterKeySource =
  | { readonly kind: 'value'; readonly setting: string; readonly text: SecretText }
  | { readonly kind: 'file'; readonly setting: string; readonly path: string }
  | {
      readonly kind: 'command';
      readonly setting: string;
      readonly command: string;
      /** What the command gets: how to reach and what to show to a KMS is in there. */
      readonly env: Readonly<Record<string, string | undefined>>;
    };

/** A key has 44 characters; what is much longer is something else. */
const TEXT_BYTES_MAX = 4096;
const COMMAND_MS_MAX = 30_000;
const KILL_GRACE_MS = 1000;
/** Write access of the group, and any access of others. */
const MODE_REFUSED = 0o037;

/**
 * @throws RIVET_MASTER_KEY_INVALID, RIVET_MASTER_KEY_FILE, RIVET_MASTER_KEY_COMMAND
 */
export async function loadMasterKey(
  source: MasterKeySource,
  commandMsMax: number = COMMAND_MS_MAX,
): Promise<MasterKey> {
  switch (source.kind) {
    case 'value':
      return parseMasterKey(source.text.reveal(), source.setting);
    case 'file':
      return parseMasterKey(await readKeyFile(source), `the file of ${source.setting}`);
    case 'command':
      return parseMasterKey(
        await askCommand(source, commandMsMax),
        `the command of ${source.setting}`,
      );
  }
}

async function readKeyFile({ setting, path }: MasterKeySource & { kind: 'file' }): Promise<string> {
  const refused = (reason: string, cause?: unknown): RivetError =>
    RivetError.of('RIVET_MASTER_KEY_FILE', { setting, path, reason }, cause);
  let file: FileHandle | undefined;
  try {
    // A pipe that nobody writes to would hold the start for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Of the file that is open: its path may lead to another one by now.
    const { mode, size } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw refused('it is no regular file');
    if ((mode & MODE_REFUSED) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(3, '0');
      throw refused(`its mode is ${shown}, so that others can read or change it`);
    }
    if (size > TEXT_BYTES_MAX) throw refused(`it has ${size} bytes, a key has 44`);
    return await file.readFile('utf8');
  } catch (error) {
    if (error instanceof RivetError) throw error;
    throw refused(describeThrown(error), error);
  } finally {
    await file?.close();
  }
}

async function askCommand(
  { setting, command, env }: MasterKeySource & { kind: 'command' },
  msMax: number,
): Promise<string> {
  const refused = (reason: string): RivetError =>
    RivetError.of('RIVET_MASTER_KEY_COMMAND', { setting, reason });
  const words = splitCommand(command);
  if (words === undefined) throw refused('a quote is not closed, or there is no program in it');
  const [file, ...args] = words;
  const child = startProcess({ file, args, env, stdin: 'ignore', group: true });
  const output = collect(child, 'stdout');
  const complaint = collect(child, 'stderr');
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void child.stop(KILL_GRACE_MS);
  }, msMax);
  const { code, signal, error } = await child.exit.finally(() => clearTimeout(timer));
  if (error !== undefined) throw refused(`${file} could not be started: ${error.message}`);
  if (late) throw refused(`${file} had not ended after ${msMax / 1000} seconds`);
  const text = output();
  if (text === undefined) throw refused(`${file} printed more than ${TEXT_BYTES_MAX} bytes`);
  if (code === 0) return text;
  const how = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
  const said = withoutKeys(complaint() ?? '');
  throw refused(`${file} ${how}${said === '' ? '' : `: ${said}`}`);
}

/** What a process prints, which is stopped when it is too much; undefined then. */
function collect(child: HostProcess, name: 'stdout' | 'stderr'): () => string | undefined {
  const chunks: Buffer[] = [];
  let bytes = 0;
  child[name]?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= TEXT_BYTES_MAX) chunks.push(chunk);
    else if (name === 'stdout') void child.stop(KILL_GRACE_MS);
  });
  return () =>
    bytes > TEXT_BYTES_MAX && name === 'stdout'
      ? undefined
      : Buffer.concat(chunks).toString('utf8');
}

/** The last line that a command complained with, without anything that could be a key. */
function withoutKeys(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return line.replaceAll(/[A-Za-z0-9+/_-]{32,}={0,2}/g, '***').slice(0, 200);
}
