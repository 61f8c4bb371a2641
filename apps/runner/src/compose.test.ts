// What a runner starts before a job comes.
import { readdirSync, readFileSync } from 'node:fs';
import { silentLogger } from '@rivet/base';
import { expect, it } from 'vitest';
import { composeRunner } from './compose.ts';
import { readConfig } from './config.ts';

/** The ids of the processes that this one has started and that are still there. */
function children(): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return parent === String(process.pid);
    } catch {
      // It has ended.
      return false;
    }
  });
}

it.each([
  ['on', 1],
  ['off', 0],
])('with RIVET_READY_LUA=%s it has %d Lua process', async (ready, processes) => {
  // Children of other tests may end meanwhile: only what is new counts.
  const before = new Set(children());
  const config = readConfig({ XDG_STATE_HOME: '/state', RIVET_READY_LUA: ready });
  const { close } = composeRunner(config, {}, silentLogger);
  try {
    expect(children().filter((pid) => !before.has(pid))).toHaveLength(processes);
  } finally {
    await close();
  }
});
