// `rivet dev`: database, orchestrator and runner in one process tree, for one person on one
// machine.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  createLogger,
  createService,
  RivetError,
  type Service,
  startAll,
  stopAll,
} from '@rivet/base';
import { type EmbeddedDatabase, startEmbeddedDatabase } from '@rivet/embedded-database';
import { defineCommand, flag, integer, text } from '../command.ts';
import { type Config, type Environment, loadConfig } from '../config.ts';
import { createConfigFile } from '../config-file.ts';
import { devMasterKey } from '../dev-master-key.ts';
import {
  createPreparationService,
  createProgramService,
  type PreparationService,
  type ProgramService,
} from '../dev-services.ts';
import { type DevSignIn, devSignIn, keepDevKey, readDevKey } from '../dev-sign-in.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeLogLine } from '../log-line.ts';
import type { Output } from '../output.ts';
import { refuseUsedPort } from '../port.ts';

const HOST = '127.0.0.1';

export const dev = defineCommand({
  details: [
    'For one person: real PostgreSQL in a data directory that is kept, one orchestrator on 127.0.0.1, one runner.',
    'It makes an administrator and signs you in as that for as long as it runs: see `rivet context list`.',
    'Ctrl-C stops them in order, after the running jobs; a second one cancels those. Nothing is restarted silently:',
    'when one of them ends, all are stopped, and the exit code says so. What they log goes to standard error, in words or,',
    'with --json, as the JSON that it is elsewhere; `log_level` of the configuration says from which level on.',
  ].join('\n'),
  examples: [
    { command: 'rivet dev', what: 'On port 7450, data in ~/.rivet/data' },
    {
      command: 'rivet dev --port 8000 --data-dir /tmp/rivet-try',
      what: 'Another port and directory',
    },
    {
      command: 'rivet dev --image localhost/rivet/base:latest',
      what: 'With another default image, for example without a registry',
    },
  ],
  json: 'one line when everything works: `{event: "ready", url, data_directory, runner_id, context, config}`: the context in that configuration file holds the API key',
  options: {
    port: integer('N', 'Port of the orchestrator; 7450 when absent, 0 takes a free one', 0, 65_535),
    dataDir: text('DIR', 'Where the database and the runner keep their data'),
    image: text('IMAGE', 'Default image; RIVET_DEFAULT_IMAGE when absent'),
    capacity: integer('N', 'Jobs at the same time; the number of processors when absent', 1, 1000),
    json: flag('Print JSON'),
  },
  async run(context, _args, options) {
    const { output, interrupt, env } = context;
    await createConfigFile(env);
    const config = await loadConfig(env);
    const port = options.port ?? 7450;
    const directory = resolve(context.cwd, options.dataDir ?? config.dataDirectory);
    if (port !== 0) await refuseUsedPort(HOST, port);
    await mkdir(directory, { recursive: true });
    const masterKey = await devMasterKey(directory, env);
    const parts = createParts(
      directory,
      { ...options, port },
      {
        config,
        env,
        masterKey,
        apiKey: await readDevKey(directory),
        force: interrupt.force,
        onLog: options.json
          ? undefined
          : (line) => output.note(describeLogLine(line, output.noteStyle)),
      },
    );
    const services = [parts.database, parts.preparation, parts.orchestrator, parts.runner];
    const interrupted = new Promise<void>((done) => {
      if (interrupt.signal.aborted) done();
      else interrupt.signal.addEventListener('abort', () => done(), { once: true });
    });
    if (!options.json) output.line('Starting PostgreSQL, an orchestrator and a runner…');
    const starting = startAll(services);
    const first = await Promise.race([starting.then(() => 'started' as const), interrupted]);
    if (first !== 'started') {
      await starting.catch(() => undefined);
      await stopAll(services);
      throw interrupt.signal.reason;
    }
    let signIn: DevSignIn | undefined;
    try {
      const url = String(parts.orchestrator.ready?.url);
      const apiKey = String(parts.preparation.said?.api_key);
      await keepDevKey(directory, apiKey);
      signIn = await devSignIn(env, url, apiKey);
      announce(parts, directory, signIn, options.json, context.output);
      await Promise.race([
        interrupted,
        parts.databaseFailed(),
        parts.orchestrator.failed,
        parts.runner.failed,
      ]);
      output.note('Stopping: running jobs may finish; Ctrl-C again cancels them.');
    } finally {
      await stopAll(services).finally(() => signIn?.forget());
    }
    // Being stopped is how it ends: nothing was cut short.
    return exitCodes.success;
  },
});

interface Surroundings {
  readonly config: Config;
  readonly env: Environment;
  /** What the orchestrator finds its master key by; no other program is told. */
  readonly masterKey: Environment;
  /** Of an earlier run; used again while it is valid. */
  readonly apiKey: string | undefined;
  readonly force: AbortSignal;
  /** Undefined where a program reads what the programs log. */
  readonly onLog: ((line: string) => void) | undefined;
}

interface Parts {
  readonly database: Service;
  /** Rejects when the started database ends without having been asked to; never resolves. */
  readonly databaseFailed: () => Promise<never>;
  readonly preparation: PreparationService;
  readonly orchestrator: ProgramService;
  readonly runner: ProgramService;
}

function createParts(
  directory: string,
  options: { port: number; image: string | undefined; capacity: number | undefined },
  { config, env, masterKey, apiKey, force, onLog }: Surroundings,
): Parts {
  const logger = createLogger({ name: 'rivet', level: config.logLevel });
  let database: EmbeddedDatabase | undefined;
  const others = withoutSecrets(env);
  const serverEnv = (): Record<string, string | undefined> => ({
    ...others,
    ...masterKey,
    DATABASE_URL: database?.url,
    RIVET_LOG_LEVEL: config.logLevel,
  });
  const preparation = createPreparationService('bootstrap', 'prepared', () => ({
    ...serverEnv(),
    RIVET_BOOTSTRAP_API_KEY: apiKey,
  }));
  const orchestrator = createProgramService({
    program: 'orchestrator',
    env: () => ({ ...serverEnv(), RIVET_LISTEN: `${HOST}:${options.port}` }),
    readyEvent: 'listening',
    readyMs: 60_000,
    stopMs: 20_000,
    force,
    onLog,
  });
  return {
    database: createService('database', {
      async start() {
        database = await startEmbeddedDatabase({
          dataDirectory: join(directory, 'postgresql'),
          logger,
          persistent: true,
        });
      },
      stop: async () => await database?.stop(),
    }),
    async databaseFailed() {
      const how = (await database?.ended) ?? 'before it started';
      throw RivetError.of('RIVET_CLI_PROGRAM_ENDED', { program: 'database', how });
    },
    preparation,
    orchestrator,
    runner: createProgramService({
      program: 'runner',
      env: () => ({
        ...others,
        RIVET_LOG_LEVEL: config.logLevel,
        RIVET_URL: String(orchestrator.ready?.url),
        RIVET_STATE_DIRECTORY: join(directory, 'runner'),
        // Used at its first start only: then it has a token of its own.
        RIVET_RUNNER_TOKEN: String(preparation.said?.registration_token),
        RIVET_DEFAULT_IMAGE: options.image ?? config.defaultImage,
        ...(config.policyFile === undefined ? {} : { RIVET_POLICY_FILE: config.policyFile }),
        ...(options.capacity === undefined
          ? {}
          : { RIVET_RUNNER_CAPACITY: String(options.capacity) }),
      }),
      readyEvent: 'online',
      readyMs: 60_000,
      stopMs: 60_000,
      force,
      onLog,
    }),
  };
}

/** What opens this server or another one is not for its runner. */
function withoutSecrets(env: Environment): Environment {
  const secret =
    /^(RIVET_TOKEN|RIVET_RUNNER_TOKEN\w*|RIVET_CA_FILE|RIVET_MASTER_KEY\w*|DATABASE_URL|RIVET_DATABASE_\w*URL)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !secret.test(name)));
}

function announce(
  { orchestrator, runner }: Parts,
  directory: string,
  signIn: DevSignIn,
  json: boolean,
  output: Output,
): void {
  const url = String(orchestrator.ready?.url);
  if (json) {
    const runner_id = runner.ready?.runner_id;
    const { context, config } = signIn;
    const ready = { event: 'ready', url, data_directory: directory, runner_id, context, config };
    output.json(ready, { line: true });
    return;
  }
  const { bold, cyan, green } = output.style;
  output.line(`${green('Ready')} at ${bold(url)}, data in ${directory}`);
  output.line(
    `You are signed in as its administrator while it runs (context ${signIn.context} in ${signIn.config}).`,
  );
  output.line('In another terminal:');
  if (!signIn.current) output.line(`  ${cyan(`export RIVET_CONTEXT=${signIn.context}`)}`);
  output.line(`  ${cyan('rivet pipeline create pipeline.lua')}`);
  output.line(`  ${cyan('rivet pipeline launch NAME --follow')}`);
  output.line('Ctrl-C stops everything.');
}
