// The host of a tested job: what would act on the outside asks the mocks, what it tells is kept.
import { SecretText, silentLogger } from '@rivet/base';
import { createFakeDriver } from '@rivet/containers';
import type { LuaRecord } from '@rivet/lua';
import type { LogLine, StageChange } from '@rivet/protocol';
import type { JobHost, JobLimits } from '../job.ts';
import { givenSecrets } from '../secrets/secret-provider.ts';
import { type CommandRecord, createCommandMocks } from './command-mocks.ts';
import { createCurrentCall } from './current-call.ts';
import { createHttpMocks } from './http-mocks.ts';
import { createImageMocks } from './image-mocks.ts';
import { type Ask, createMockLog } from './mock-log.ts';
import { createShownSecrets } from './shown-secrets.ts';
import type { TimeLapse } from './time-lapse.ts';

const LIMITS: JobLimits = {
  lua: { cpuMs: 10_000, memoryBytes: 256 * 1024 * 1024 },
  logBytesMax: 50 * 1024 * 1024,
  killGraceMs: 200,
  cancelGraceMs: 30_000,
  timeoutMs: 24 * 3_600_000,
};

const ID_TOKEN_MS = 600_000;

/** What stands for an identity token: nobody vouches for a tested job. */
function idToken(audience: string): string {
  return `test-identity-token.for.${audience}`;
}

/** What a job did and told. */
export interface JobRecord {
  readonly changes: readonly StageChange[];
  readonly commands: readonly CommandRecord[];
  readonly requests: readonly LuaRecord[];
  readonly images: readonly LuaRecord[];
  readonly outputs: ReadonlyMap<string, unknown>;
  readonly lines: readonly LogLine[];
  /** Markdown of `job.summary`; the last counts. */
  readonly summary: () => string | undefined;
  /** Lines that say what was met that no mock answers, and what would. */
  readonly unmocked: readonly string[];
  /** What the functions of the test raised. */
  readonly broken: readonly unknown[];
}

export interface MockedHostOptions {
  readonly lapse: TimeLapse;
  readonly ask: Ask;
  /** Values by name that the job may read. */
  readonly secrets: ReadonlyMap<string, string>;
  /** Values by name that the test does not see; those of `secrets` among them. */
  readonly hidden: ReadonlyMap<string, string>;
  /** That the pipeline may have identity tokens for. */
  readonly audiences: readonly string[];
  /** Names of the stages, in the order of the file. */
  readonly stages: readonly string[];
  readonly workspace: string;
  readonly stateDirectory: string;
  readonly defaultImage: string;
}

export function createMockedHost(options: MockedHostOptions): {
  readonly host: JobHost;
  readonly record: JobRecord;
} {
  const { lapse, workspace, stateDirectory, defaultImage } = options;
  const calls = createCurrentCall();
  const mocks = createMockLog(options.ask);
  const tokens = new Map(options.audiences.map((each) => [`id_token:${each}`, idToken(each)]));
  const secrets = createShownSecrets(new Map([...options.hidden, ...tokens]));
  const imageNames = new Map<string, string>();
  // Branches begin with the place of their stage in the file.
  const stageOf = (branch: string): string => options.stages[Number.parseInt(branch, 10) - 1] ?? '';
  const { requests, open } = createHttpMocks({ mocks, calls, secrets, stageOf });
  const { commands, run } = createCommandMocks({
    mocks,
    calls,
    lapse,
    secrets,
    workspace,
    imageNames,
  });
  const { images, driver } = createImageMocks(
    createFakeDriver({ commands: run, clock: lapse.commandClock(calls.get) }),
    { mocks, calls, secrets, stageOf, names: imageNames },
  );
  const { observer, ...told } = createObserver();
  const host: JobHost = {
    driver,
    lua: calls.watch(lapse.lua),
    logger: silentLogger,
    workspace,
    stateDirectory,
    defaultImage,
    policy: {},
    secrets: givenSecrets(options.secrets),
    idTokens: {
      issue: async (audience) => ({
        token: new SecretText(idToken(audience)),
        expiresInMs: ID_TOKEN_MS,
      }),
    },
    limits: LIMITS,
    clock: lapse.clock,
    http: { open, wait: lapse.wait },
    observer,
    labels: {},
  };
  const { unmocked, broken } = mocks;
  return { host, record: { ...told, commands, requests, images, unmocked, broken } };
}

function createObserver() {
  const lines: LogLine[] = [];
  const changes: StageChange[] = [];
  const outputs = new Map<string, unknown>();
  let summary: string | undefined;
  const observer: JobHost['observer'] = {
    line: (line) => void lines.push(line),
    stage: (change) => void changes.push(change),
    output: (name, value) => {
      if (value === undefined) outputs.delete(name);
      else outputs.set(name, value);
    },
    summary: (markdown) => {
      summary = markdown;
    },
  };
  return { observer, lines, changes, outputs, summary: () => summary };
}
