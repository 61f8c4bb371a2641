// The commands of a tested pipeline: asks the mocks what each does, and keeps what it was.
import { RivetError } from '@rivet/base';
import type { FakeCommand, FakeOutcome } from '@rivet/containers';
import type { LuaEngine, LuaRecord, LuaValue, SourcePosition } from '@rivet/lua';
import { showCommand, showScript } from '../commands/command-request.ts';
import { type CommandReply, readCommandReply } from './run-request.ts';
import type { TimeLapse } from './time-lapse.ts';
import { writeWorkspaceFiles } from './workspace-files.ts';

/** A command that the pipeline ran, as the case of a test sees it. */
export interface CommandRecord {
  readonly fields: LuaRecord;
  /** Replaced by what the mock said. */
  exitCode: number | undefined;
}

/**
 * Asks the mocks of the test: the answer of a command (undefined: none matches), and the mock that
 * gave it.
 */
export type Ask = (
  kind: 'process' | 'http',
  request: LuaRecord,
) => Promise<{ readonly reply: LuaValue; readonly mock: string } | undefined>;

export interface CommandMocks {
  /** What a command does, for the fake driver. */
  run(command: FakeCommand): Promise<FakeOutcome | undefined>;
  /** The same engine; the lines that start commands are remembered. */
  watch(lua: LuaEngine): LuaEngine;
  readonly commands: readonly CommandRecord[];
  readonly unmocked: readonly string[];
  readonly broken: readonly unknown[];
}

export interface CommandMockOptions {
  readonly ask: Ask;
  readonly lapse: TimeLapse;
  /** Values by name. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly workspace: string;
}

export function createCommandMocks(options: CommandMockOptions): CommandMocks {
  const commands: CommandRecord[] = [];
  const unmocked: string[] = [];
  const broken: unknown[] = [];
  /** Where each branch made its last call, by the name that command ids begin with. */
  const places = new Map<string, SourcePosition>();

  const answer = async (command: FakeCommand): Promise<FakeOutcome | undefined> => {
    const place = places.get(command.id.replace(/-\d+$/, ''));
    const record: CommandRecord = {
      fields: describeCommand(command, options.secrets, place),
      exitCode: undefined,
    };
    commands.push(record);
    const line = String(record.fields.line);
    const reply = await replyOf(options.ask, record, broken);
    if (reply === undefined) {
      unmocked.push(unmockedLine(record, place));
      throw RivetError.of('RIVET_TEST_CALL_UNMOCKED', { what: line });
    }
    await writeWorkspaceFiles(options.workspace, reply.files, 'mock.process');
    record.exitCode = reply.missing ? 127 : reply.exitCode;
    if (reply.missing) return undefined;
    const { stdout, stderr, exitCode, durationMs } = reply;
    return { stdout, stderr, exitCode, delayMs: durationMs };
  };
  return {
    run: (command) => options.lapse.hold(answer(command)),
    watch: (lua) => ({
      open: (program, host, limits) =>
        lua.open(
          program,
          {
            call: (call) => {
              const branch = call.branch.replaceAll(/[^a-zA-Z0-9]/g, '-');
              if (call.position !== undefined) places.set(branch, call.position);
              return host.call(call);
            },
          },
          limits,
        ),
      close: () => lua.close(),
    }),
    commands,
    unmocked,
    broken,
  };
}

async function replyOf(
  ask: Ask,
  { fields }: CommandRecord,
  broken: unknown[],
): Promise<CommandReply | undefined> {
  try {
    const answer = await ask('process', fields);
    return answer === undefined ? undefined : readCommandReply(answer.reply, answer.mock);
  } catch (error) {
    broken.push(error);
    throw error;
  }
}

/** `pipeline.lua:14: cargo build`, and the line that answers it. */
function unmockedLine({ fields }: CommandRecord, place: SourcePosition | undefined): string {
  const where = place === undefined ? '' : `${place.file}:${place.line}: `;
  const words = typeof fields.script === 'string' ? firstLine(fields.script) : String(fields.text);
  return `  ${where}${String(fields.line)}\n    mock.process(${luaText(words)}, { exit_code = 0 })`;
}

/** The first line of a script that does something. */
function firstLine(script: string): string {
  const lines = script.split('\n').map((line) => line.trim());
  return lines.find((line) => line !== '' && !line.startsWith('#')) ?? '';
}

function luaText(text: string): string {
  return text.includes('"') && !text.includes("'")
    ? `'${text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}'`
    : JSON.stringify(text);
}

function describeCommand(
  command: FakeCommand,
  secrets: ReadonlyMap<string, string>,
  place: SourcePosition | undefined,
): LuaRecord {
  const redact = redactor(secrets);
  const argv = command.argv.map(redact);
  const script = scriptOf(argv);
  const { RIVET_STAGE: stage = '' } = command.env;
  const stdin = command.stdin === undefined ? null : redact(Buffer.from(command.stdin).toString());
  return record({
    stage,
    line: script === undefined ? showCommand(argv) : showScript(script),
    text: script ?? argv.join(' '),
    program: argv[0] ?? '',
    args: argv.slice(1),
    argv,
    script: script ?? null,
    stdin,
    cwd: command.cwd,
    image: command.container.image,
    file: place?.file ?? null,
    source_line: place?.line ?? null,
    ...describeEnvironment(command.env, secrets, redact),
  });
}

/** A variable that is a secret is told apart from text by its name in `secrets`. */
function describeEnvironment(
  env: Readonly<Record<string, string>>,
  secrets: ReadonlyMap<string, string>,
  redact: (text: string) => string,
): { env: LuaRecord; secrets: LuaRecord } {
  const shown: [string, string][] = [];
  const secret: [string, string][] = [];
  for (const [name, value] of Object.entries(env)) {
    const known = [...secrets].find(([, text]) => text === value)?.[0];
    if (known !== undefined) secret.push([name, known]);
    shown.push([name, redact(value)]);
  }
  return { env: record(Object.fromEntries(shown)), secrets: record(Object.fromEntries(secret)) };
}

/** `process.sh` runs its script by a shell. */
function scriptOf(argv: readonly string[]): string | undefined {
  const [program, flags, option, script] = argv;
  const isScript = program === 'sh' && flags === '-eu' && option === '-c' && argv.length === 4;
  return isScript ? script : undefined;
}

function redactor(secrets: ReadonlyMap<string, string>): (text: string) => string {
  // The longest first, as one may be a part of another.
  const texts = [...secrets.values()].sort((a, b) => b.length - a.length);
  return (text) => texts.reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
}

function record(fields: Readonly<Record<string, LuaValue>>): LuaRecord {
  return Object.assign(Object.create(null) as LuaRecord, fields);
}
