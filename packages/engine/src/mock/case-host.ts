// The host calls of one case of a test: runs of pipelines, expectations that failed, notes.
import { type ErrorCode, findErrorEntry, RivetError } from '@rivet/base';
import type { HostCall, LuaEngine, LuaHost, LuaRecord, LuaValue, LuaVm } from '@rivet/lua';
import type { LogLine } from '@rivet/protocol';
import type { Ask } from './mock-log.ts';
import { type MockedRun, runMocked } from './mocked-run.ts';
import { runRecord } from './run-record.ts';
import { type RunRequest, readRunRequest } from './run-request.ts';
import type { TestedPipeline, TestedPipelines } from './tested-pipelines.ts';
import { readWorkspaceFile } from './workspace-files.ts';

export interface CaseHostOptions {
  readonly lua: LuaEngine;
  readonly pipelines: TestedPipelines;
  /** The test file. */
  readonly file: string;
  readonly defaultImage: string;
  readonly signal: AbortSignal;
  /** The program of the case, once it is open. */
  readonly vm: () => LuaVm;
}

/** The host of a case, and what is told of it when it has ended. */
export interface CaseHost extends LuaHost {
  /** What the case printed, and mocks that it never used. */
  readonly notes: readonly string[];
  /** Runs of pipelines. */
  readonly runs: number;
  /** The log of each run, line by line. */
  logs(): string[][];
  /** Removes what the runs left. */
  close(): Promise<void>;
}

export function createCaseHost(options: CaseHostOptions): CaseHost {
  const runs: MockedRun[] = [];
  const notes: string[] = [];
  /** Runs that have not ended: a case may end before, at its deadline. */
  const underWay = new Set<Promise<unknown>>();
  let asked = 0;

  const ask =
    (answer: Parameters<LuaVm['call']>[0]): Ask =>
    async (kind, request) => {
      asked += 1;
      const [reply = null, mock = null] = await options.vm().call(answer, [kind, request], {
        branch: `mock-${asked}`,
        hostCalls: 'refused',
      });
      return reply === null ? undefined : { reply, mock: String(mock) };
    };
  const start = async (request: RunRequest, pipeline: TestedPipeline): Promise<MockedRun> => {
    const { lua, defaultImage, signal } = options;
    signal.throwIfAborted();
    const mocked = await runMocked({
      lua,
      pipeline,
      request,
      ask: ask(request.answer),
      defaultImage,
      signal,
    });
    runs.push(mocked);
    return mocked;
  };
  const run = async ([given]: readonly LuaValue[]): Promise<LuaRecord> => {
    const request = readRunRequest(given);
    const pipeline = await options.pipelines.get(request.path, options.file);
    const running = start(request, pipeline);
    underWay.add(running);
    const mocked = await running.finally(() => underWay.delete(running));
    if (mocked.broken.length > 0) throw mocked.broken[0];
    refuseDefect(mocked);
    if (mocked.unmocked.length > 0) {
      const calls = [...new Set(mocked.unmocked)].join('\n');
      throw RivetError.of('RIVET_TEST_UNMOCKED', { calls });
    }
    return runRecord(mocked, runs.indexOf(mocked) + 1, pipeline.definition);
  };
  const runOf = (id: LuaValue | undefined): MockedRun => {
    const found = typeof id === 'number' ? runs[id - 1] : undefined;
    if (found === undefined) throw new Error('a case asked for a run that never was');
    return found;
  };
  const functions: Readonly<
    Record<string, (args: readonly LuaValue[]) => LuaValue | Promise<LuaValue>>
  > = {
    'test.run': run,
    'test.log': ([id, stage]) => logText(runOf(id).lines, stage),
    'test.file': async ([id, path]) =>
      asText(await readWorkspaceFile(runOf(id).workspace, String(path), 'run:file')),
    'test.note': ([text]) => {
      notes.push(String(text));
      return null;
    },
    'test.unused': ([mock]) => {
      notes.push(`${String(mock)} answered nothing; is it still needed?`);
      return null;
    },
    'test.fail': ([what, expected = null, actual = null]) => {
      throw RivetError.of('RIVET_TEST_EXPECTATION', {
        what: String(what),
        ...(expected === null ? {} : { expected: String(expected) }),
        ...(actual === null ? {} : { actual: String(actual) }),
      });
    },
  };
  return {
    notes,
    get runs() {
      return runs.length;
    },
    async call({ name, args }: HostCall) {
      const perform = functions[name];
      if (perform === undefined) throw RivetError.of('RIVET_CALL_UNKNOWN', { function: name });
      return [await perform(args)];
    },
    logs: () => runs.map(({ lines }) => lines.filter(isOfPipeline).map(shownLine)),
    async close() {
      await Promise.allSettled(underWay);
      await Promise.all(runs.map((each) => each.remove()));
    },
  };
}

/** What Rivet itself did wrong is no way for a pipeline to fail. */
function refuseDefect({ outcome }: MockedRun): void {
  const { code, message = '' } = outcome;
  if (code === undefined || findErrorEntry(code)?.fault !== 'rivet') return;
  throw RivetError.received(code as ErrorCode, message);
}

function logText(lines: readonly LogLine[], stage: LuaValue | undefined): string {
  const own = lines.filter(
    (line) => isOfPipeline(line) && (stage === undefined || stage === null || line.stage === stage),
  );
  return own.map(({ text }) => `${text}\n`).join('');
}

/** What Rivet says about containers and connections depends on how they are mocked. */
function isOfPipeline({ level, stream }: LogLine): boolean {
  return level !== 'debug' || stream !== 'system';
}

function shownLine({ stage, level, text }: LogLine): string {
  const loud = level === 'error' || level === 'warning' ? `${level}: ` : '';
  return `${stage === '' ? 'job' : stage} | ${loud}${text}`;
}

/** Text where it is text, the bytes otherwise. */
function asText(bytes: Uint8Array | undefined): LuaValue {
  if (bytes === undefined) return null;
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : bytes;
}
