// What 2,000 runners that wait for work cost one orchestrator and the database.
import { setTimeout as pause } from 'node:timers/promises';
import type { Database } from '@rivet/store';
import { openActivity, readActivity } from './database-activity.ts';
import { withInstallation } from './installation.ts';
import { type Benchmark, oursAtMost, type Row, row } from './measure.ts';
import { processUsage } from './program.ts';
import { SimulatedFleet } from './simulated-fleet.ts';

const RUNNERS = 2000;
/** Polled before anything is measured, so that the orchestrator is warm. */
const WARMING = 100;
const SETTLE_MS = 20_000;
/** More than two polls of each. */
const IDLE_MS = 110_000;

export const idleRunnersBenchmark: Benchmark = {
  name: 'idle-runners',
  about: `${RUNNERS} idle runners on one orchestrator`,
  run: () =>
    withInstallation({}, async (installation) => {
      // Runners register at the first and poll the second, which holds nothing of registering.
      const { pid, url } = await installation.startOrchestrator();
      const database = openActivity(installation.databaseUrl);
      const fleet = new SimulatedFleet(installation, [url]);
      try {
        await fleet.growTo(WARMING);
        await pause(SETTLE_MS);
        const before = await usageOver(pid, database, IDLE_MS);
        const few = await processUsage(pid);
        await fleet.growTo(WARMING + RUNNERS);
        await pause(SETTLE_MS);
        const usage = await usageOver(pid, database, IDLE_MS);
        const many = await processUsage(pid);
        await installation.orchestrators[0]?.stop();
        const { connections } = await readActivity(database);
        if (fleet.errors.length > 0) throw new Error(`a call failed: ${fleet.errors[0]}`);
        const bytes = many.residentBytes - few.residentBytes;
        return rowsOf({ before, usage, connections, bytes });
      } finally {
        await fleet.stop();
        await database.close();
      }
    }),
};

interface Usage {
  /** In percent of one processor. */
  readonly cpu: number;
  /** A second. */
  readonly transactions: number;
}

async function usageOver(pid: number, database: Database, ms: number): Promise<Usage> {
  const before = await processUsage(pid);
  const activity = await readActivity(database);
  const start = performance.now();
  await pause(ms);
  const { cpuMs } = await processUsage(pid);
  const { transactions } = await readActivity(database);
  const seconds = (performance.now() - start) / 1000;
  return {
    cpu: (cpuMs - before.cpuMs) / seconds / 10,
    transactions: (transactions - activity.transactions) / seconds,
  };
}

function rowsOf(found: { before: Usage; usage: Usage; connections: number; bytes: number }): Row[] {
  const { before, usage, connections, bytes } = found;
  const label = `${RUNNERS} idle runners`;
  return [
    row({
      name: `${label}: memory of each`,
      unit: 'KB',
      ours: [bytes / RUNNERS / 1024],
      target: oursAtMost(25),
      note: 'resident memory of the orchestrator',
    }),
    row({
      name: `${label}: processor`,
      unit: '%',
      ours: [usage.cpu],
      target: oursAtMost(3),
      note: `of one; ${before.cpu.toFixed(1)} % with ${WARMING} of them`,
    }),
    row({
      name: `${label}: database connections`,
      unit: 'count',
      ours: [connections],
      target: oursAtMost(10),
    }),
    row({
      name: `${label}: transactions that they add`,
      unit: '1/s',
      ours: [usage.transactions - before.transactions],
      target: oursAtMost(1),
      note: `${before.transactions.toFixed(1)} with ${WARMING} of them`,
    }),
  ];
}
