// What a runner starts before a job comes.
import { readdirSync, readFileSync } from 'node:fs';
import { silentLogger } from '@rivet/base';
import { expect, it } from 'vitest';
import { composeRunner } from './compose.ts';
import { readConfig } from './config.ts';

/** How many processes this one has started that are still there. */
function childCount(): number {
  const parents = readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      return [stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]];
    } catch {
      // It has ended.
      return [];
    }
  });
  return parents.filter((parent) => parent === String(process.pid)).length;
}

it.each([
  ['on', 1],
  ['off', 0],
])('with RIVET_READY_LUA=%s it has %d Lua process', async (ready, processes) => {
  const before = childCount();
  const config = readConfig({ XDG_STATE_HOME: '/state', RIVET_READY_LUA: ready });
  const { close } = composeRunner(config, {}, silentLogger);
  try {
    expect(childCount() - before).toBe(processes);
  } finally {
    await close();
  }
});
