// What the runner program does: settings from the environment, jobs from the server, until it is
// told to stop.
import {
  createLogger,
  describeThrown,
  type Logger,
  type RivetError,
  releaseMemory,
  toRivetError,
} from '@rivet/base';
import type { InstallationPolicy } from '@rivet/engine';
import { composeRunner } from './compose.ts';
import { readConfig, settingWarnings } from './config.ts';
import type { Runner } from './runner.ts';

/** After a defect the program is given this long to say so, in milliseconds. */
const DEFECT_EXIT_MS = 100;
/** A runner that has no job so long after its start may wait for days. */
const RELEASE_AFTER_MS = 5_000;

/** Runs the program to its end, and sets the exit code. Never throws. */
export async function runRunner(): Promise<void> {
  process.exitCode = await main();
  // Sockets of an abandoned request may linger; nothing is owed to anybody any more.
  setTimeout(() => process.exit(), DEFECT_EXIT_MS).unref();
}

async function main(): Promise<number> {
  let logger = createLogger({ name: 'runner', level: 'info' });
  try {
    const config = readConfig(process.env);
    // Programs that it starts have no use for it.
    delete process.env.RIVET_RUNNER_TOKEN;
    logger = createLogger({ name: 'runner', level: config.logLevel });
    for (const warning of settingWarnings(process.env)) logger.warn({}, warning);
    process.stdout.on('error', () => undefined);
    const policy = await readPolicy(config.policyFile);
    const { runner, close } = composeRunner(config, policy, logger);
    exitOnDefects(logger);
    const interrupted = onSignals(logger, () => runner.hurry());
    if (config.onTerm === 'handover') handOverOnTerm(runner, interrupted);
    try {
      const started = runner.start();
      const id = await Promise.race([started, interrupted.then(() => undefined)]);
      if (id === undefined) return 0;
      announce({ event: 'online', runner_id: id, name: config.name, url: config.url });
      logger.info({ capacity: config.capacity, tags: config.tags }, `online at ${config.url}`);
      releaseWhenIdle(runner);
      await Promise.race([runner.ended(), interrupted]);
      return 0;
    } finally {
      await runner.stop();
      await close();
      announce({ event: 'stopped' });
    }
  } catch (error) {
    return tell(toRivetError(error), logger);
  }
}

/** Without a file there are no rules, and no need of the engine, which is loaded with the first job. */
async function readPolicy(path: string | undefined): Promise<InstallationPolicy> {
  return path === undefined ? {} : (await import('@rivet/engine')).loadInstallationPolicy(path);
}

/** Once: what the first job loads is needed again by the next one. */
function releaseWhenIdle(runner: Runner): void {
  setTimeout(() => {
    if (runner.running === 0) releaseMemory();
  }, RELEASE_AFTER_MS).unref();
}

/** One JSON line a program can wait for, on standard output. */
function announce(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/**
 * At a TERM the process ends within a moment, without a word to its jobs: the next one goes on with
 * them. Whoever presses Ctrl-C wants them to end.
 */
function handOverOnTerm(runner: Runner, interrupted: Promise<NodeJS.Signals>): void {
  void interrupted.then(async (signal) => {
    if (signal !== 'SIGTERM') return;
    await runner.handOver();
    announce({ event: 'stopped' });
    process.exit(0);
  });
}

/** Resolves at the first SIGTERM or SIGINT; each further one calls `again`. */
function onSignals(logger: Logger, again: () => void): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let count = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        count += 1;
        if (count === 1) announce({ event: 'stopping' });
        logger.info({ signal }, count === 1 ? 'stopping' : 'stopping at once');
        if (count === 1) resolve(signal);
        else again();
      });
    }
  });
}

/** What nobody catches is a defect: the state is unknown, and the next start cleans up. */
function exitOnDefects(logger: Logger): void {
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      logger.error({ err: error }, `defect: ${describeThrown(error)}`);
      process.exit(1);
    });
  }
}

function tell(error: RivetError, logger: Logger): number {
  logger.debug({ err: error }, error.code);
  process.stderr.write(`${error.code}: ${error.message}\n${error.solve}\n`);
  return error.entry.exit;
}
