// The program "orchestrator": serves until a signal, then stops gracefully.
import './under-init.ts';
import { once } from 'node:events';
import { createLogger, RivetError, withDeadline } from '@rivet/base';
import { SETUP_HOURS } from './auth/setup-token.ts';
import { createOrchestrator, type Orchestrator } from './compose.ts';
import { readConfig, settingWarnings } from './config.ts';
import { announce, runToExit } from './exit.ts';
import { keepHeapSmall } from './heap-growth.ts';

/** Shorter than the grace of those who stop programs, which is 30 s as a rule. */
const STOP_MS_MAX = 25_000;

void runToExit(async () => {
  const config = readConfig(process.env);
  const logger = createLogger({ name: 'orchestrator', level: config.logLevel });
  for (const warning of settingWarnings(process.env)) logger.warn({}, warning);
  const asked = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  if (config.leanHeap) keepHeapSmall();
  const orchestrator = await createOrchestrator(config, logger);
  const starting = orchestrator.start().then(() => printSetupToken(orchestrator));
  // Nobody was promised anything yet, and what the database was asked for it undoes by itself.
  if (await Promise.race([starting.then(() => false), asked.then(() => true)])) {
    logger.info({}, 'stopped before it had started');
    return;
  }
  announce({ event: 'listening', url: orchestrator.url });
  logger.info({ url: orchestrator.url }, 'listening');
  await asked;
  logger.info({}, 'stopping');
  // A second signal means: now.
  const hurry = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]).then(() => {
    throw RivetError.of('RIVET_INTERRUPTED', { by: 'a second signal' });
  });
  const stopped = withDeadline(orchestrator.stop(), STOP_MS_MAX, () =>
    RivetError.of('RIVET_TIMEOUT', { what: 'stopping', limit: `${STOP_MS_MAX / 1000} s` }),
  );
  await Promise.race([stopped, hurry]);
});

/** For whoever installs it, where nobody can sign in yet. */
async function printSetupToken(orchestrator: Orchestrator): Promise<void> {
  const token = await orchestrator.offerSetup();
  if (token === undefined) return;
  process.stderr.write(
    [
      '',
      `There is no user yet. Make the first administrator within ${SETUP_HOURS} hours:`,
      '',
      `  rivet login ${orchestrator.publicUrl} --setup-token`,
      '',
      `and give it this token, which works once: ${token.reveal()}`,
      '',
      '',
    ].join('\n'),
  );
}
