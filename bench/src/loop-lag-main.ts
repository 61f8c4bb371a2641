// Loaded into a program that is measured (`node --import`): writes how late its event loop was into
// the directory RIVET_BENCH_LAG, and begins anew on SIGUSR2.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const WRITE_MS = 100;

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.on('SIGUSR2', () => delays.reset());
setInterval(() => {
  // What is measured is the time between two looks, the one that was meant included.
  const ms = delays.count === 0 ? 0 : delays.percentile(99) / 1e6 - RESOLUTION_MS;
  writeFileSync(join(process.env.BENCH_LAG ?? '.', `lag-${process.pid}`), String(Math.max(0, ms)));
}, WRITE_MS).unref();
