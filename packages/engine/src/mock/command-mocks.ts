// The commands of a tested pipeline: asks the mocks what each does, and keeps what it was.
import { RivetError } from '@rivet/base';
import type { FakeCommand, FakeOutcome } from '@rivet/containers';
import type { LuaRecord } from '@rivet/lua';
import { showCommand, showScript } from '../commands/command-request.ts';
import { isSecretFileCommand } from '../secrets/secret-file.ts';
import type { CurrentCall } from './current-call.ts';
import { luaText, type MockLog } from './mock-log.ts';
import { readCommandReply } from './run-request.ts';
import { luaRecord, type ShownSecrets } from './shown-secrets.ts';
import type { TimeLapse } from './time-lapse.ts';
import { writeWorkspaceFiles } from './workspace-files.ts';

/** A command that the pipeline ran. */
export interface CommandRecord {
  /** As the case of a test sees it. */
  readonly fields: LuaRecord;
  /** What the mock said. */
  exitCode: number | undefined;
}

export interface CommandMocks {
  /** What a command does, for the fake driver. */
  run(command: FakeCommand): Promise<FakeOutcome | undefined>;
  readonly commands: readonly CommandRecord[];
}

export interface CommandMockOptions {
  readonly mocks: MockLog;
  readonly calls: CurrentCall;
  readonly lapse: TimeLapse;
  readonly secrets: ShownSecrets;
  readonly workspace: string;
  /** Names of images by their ids, where a container was started by its id. */
  readonly imageNames: ReadonlyMap<string, string>;
}

export function createCommandMocks(options: CommandMockOptions): CommandMocks {
  const commands: CommandRecord[] = [];
  const answer = async (command: FakeCommand): Promise<FakeOutcome | undefined> => {
    if (isSecretFileCommand(command.id)) return {};
    const fields = describeCommand(command, options);
    const record: CommandRecord = { fields, exitCode: undefined };
    commands.push(record);
    const line = `mock.process(${matcherOf(fields)}, { exit_code = 0 })`;
    const reply = await options.mocks.ask('process', fields, readCommandReply, line);
    if (reply === undefined) {
      throw RivetError.of('RIVET_TEST_CALL_UNMOCKED', { what: String(fields.line) });
    }
    await writeWorkspaceFiles(options.workspace, reply.files, 'mock.process');
    record.exitCode = reply.missing ? 127 : reply.exitCode;
    if (reply.missing) return undefined;
    const { stdout, stderr, exitCode, durationMs } = reply;
    return { stdout, stderr, exitCode, delayMs: durationMs };
  };
  return { run: (command) => options.lapse.hold(answer(command)), commands };
}

const WORDS_LENGTH_MAX = 120;

/** Lua that means exactly such commands: their words, where nothing in those has a meaning. */
function matcherOf({ script, argv }: LuaRecord): string {
  if (typeof script === 'string') return luaText(firstLine(script));
  const words = Array.isArray(argv) ? argv.map(String) : [];
  const text = words.map((word) => (/[\s;&|#]/.test(word) ? `'${word}'` : word)).join(' ');
  const plain = words.every((word) => word !== '' && !/['"\n]/.test(word));
  if (plain && text.length <= WORDS_LENGTH_MAX) return luaText(text);
  return `{ ${words.map(luaText).join(', ')} }`;
}

/** The first line of a script that does something. */
function firstLine(script: string): string {
  const lines = script.split('\n').map((line) => line.trim());
  return lines.find((line) => line !== '' && !line.startsWith('#')) ?? '';
}

function describeCommand(
  command: FakeCommand,
  { calls, secrets, imageNames }: CommandMockOptions,
): LuaRecord {
  const argv = command.argv.map((word) => secrets.text(word));
  const script = scriptOf(argv);
  const { RIVET_STAGE: stage = '' } = command.env;
  const { stdin } = command;
  const { image } = command.container;
  const place = calls.get()?.position;
  const env = secrets.table(command.env);
  return luaRecord({
    stage,
    line: script === undefined ? showCommand(argv) : showScript(script),
    text: script ?? argv.join(' '),
    program: argv[0] ?? '',
    args: argv.slice(1),
    argv,
    script: script ?? null,
    stdin: stdin === undefined ? null : secrets.text(Buffer.from(stdin).toString()),
    cwd: command.cwd,
    image: imageNames.get(image) ?? image,
    file: place?.file ?? null,
    source_line: place?.line ?? null,
    env: env.shown,
    secrets: env.secrets,
  });
}

/** `process.sh` runs its script by a shell. */
function scriptOf(argv: readonly string[]): string | undefined {
  const [program, flags, option, script] = argv;
  const isScript = program === 'sh' && flags === '-eu' && option === '-c' && argv.length === 4;
  return isScript ? script : undefined;
}
