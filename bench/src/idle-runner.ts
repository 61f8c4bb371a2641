// What a runner costs that has nothing to do: its memory, and what it asks of the server.
import { readdir, readFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { startProcess } from '@rivet/processes';
import { withInstallation } from './installation.ts';
import { type Benchmark, oursAtMost, type Row, ratioAtMost, row } from './measure.ts';
import { processUsage } from './program.ts';

/** Until a runner has done what it does at its start. */
const SETTLE_MS = 15_000;
const IDLE_MS = 120_000;
const SAMPLES = 15;
const MB = 1024 * 1024;
const BARE = 'setInterval(() => {}, 1e9)';
/** Modules of Node that a program needs to ask a server for jobs and to start processes for them. */
const NEEDED = ['http', 'child_process', 'fs/promises', 'crypto'];
const LEAST = `${NEEDED.map((name) => `require('node:${name}')`).join(';')};${BARE}`;

export const idleRunnerBenchmark: Benchmark = {
  name: 'idle-runner',
  about: 'an idle runner: memory, and requests a minute',
  run: () =>
    withInstallation({}, async (installation) => {
      const [orchestrator] = installation.orchestrators;
      if (orchestrator === undefined) throw new Error('no orchestrator was started');
      const counting = await countRequests(orchestrator.url);
      const [bare, least] = [BARE, LEAST].map((program) =>
        startProcess({ file: process.execPath, args: ['-e', program], stdin: 'ignore' }),
      );
      try {
        const runner = await installation.startRunner({}, { ...orchestrator, url: counting.url });
        await pause(SETTLE_MS);
        const before = counting.requests();
        const own: number[] = [];
        const children: number[] = [];
        const peer: number[] = [];
        const floor: number[] = [];
        for (let sample = 0; sample < SAMPLES; sample += 1) {
          await pause(IDLE_MS / SAMPLES);
          own.push((await processUsage(runner.pid)).residentBytes / MB);
          children.push((await childrenBytes(runner.pid)) / MB);
          peer.push((await processUsage(bare?.pid ?? 0)).residentBytes / MB);
          floor.push((await processUsage(least?.pid ?? 0)).residentBytes / MB);
        }
        const requests = ((counting.requests() - before) / IDLE_MS) * 60_000;
        return rowsOf({ own, children, peer, floor, requests });
      } finally {
        await Promise.all([bare?.stop(1000), least?.stop(1000)]);
        counting.close();
      }
    }),
};

interface Measured {
  readonly own: readonly number[];
  readonly children: readonly number[];
  readonly peer: readonly number[];
  /** Of a process that has loaded what any runner needs of Node, and has no code of its own. */
  readonly floor: readonly number[];
  /** A minute. */
  readonly requests: number;
}

function rowsOf({ own, children, peer, floor, requests }: Measured): Row[] {
  const unit = 'MB';
  return [
    row({
      name: 'idle runner: memory',
      against: "node -e 'setInterval(…)'",
      unit,
      ours: own,
      peer,
      target: ratioAtMost(1.3),
      note: 'resident, without the ready Lua process',
    }),
    row({
      name: "idle runner: memory of Node's modules alone",
      against: "node -e 'setInterval(…)'",
      unit,
      ours: floor,
      peer,
      note: 'what a runner needs of Node, without any code of its own',
    }),
    row({ name: 'idle runner: memory of the ready Lua process', unit, ours: children }),
    row({
      name: 'idle runner: requests',
      unit: '1/min',
      ours: [requests],
      target: oursAtMost(2),
    }),
  ];
}

/** Resident memory of all processes below one. */
async function childrenBytes(pid: number): Promise<number> {
  const parents = new Map<number, number>();
  for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    parents.set(Number(name), Number(parent));
  }
  let bytes = 0;
  for (const child of parents.keys()) {
    let ancestor = parents.get(child);
    while (ancestor !== undefined && ancestor > 1 && ancestor !== pid) {
      ancestor = parents.get(ancestor);
    }
    if (ancestor !== pid) continue;
    bytes += (await processUsage(child).catch(() => ({ residentBytes: 0 }))).residentBytes;
  }
  return bytes;
}

/** Passes requests on, and counts them: what a runner sends is the runner's own doing. */
async function countRequests(
  target: string,
): Promise<{ url: string; requests: () => number; close: () => void }> {
  let count = 0;
  const server: Server = createServer((incoming, answer) => {
    count += 1;
    const { method = 'GET', headers, url = '/' } = incoming;
    const passed = request(new URL(url, target), { method, headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests: () => count,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
