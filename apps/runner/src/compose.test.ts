// What a runner starts before a job comes.
import { silentLogger } from '@rivet/base';
import { childProcesses } from '@rivet/testing';
import { expect, it } from 'vitest';
import { composeRunner } from './compose.ts';
import { readConfig } from './config.ts';

it.each([
  ['on', 1],
  ['off', 0],
])('with RIVET_READY_LUA=%s it has %d Lua process', async (ready, processes) => {
  // Children of other tests may end meanwhile: only what is new counts.
  const before = new Set(childProcesses());
  const config = readConfig({ XDG_STATE_HOME: '/state', RIVET_READY_LUA: ready });
  const { close } = composeRunner(config, {}, silentLogger);
  try {
    expect(childProcesses().filter((pid) => !before.has(pid))).toHaveLength(processes);
  } finally {
    await close();
  }
});
