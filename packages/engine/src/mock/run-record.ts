// What a run left, as the case of a test sees it in Lua.
import type { LuaRecord, LuaValue } from '@rivet/lua';
import type { PipelineDefinition, StageChange } from '@rivet/protocol';
import type { MockedRun } from './mocked-run.ts';
import { luaRecord } from './shown-secrets.ts';

/** @param id counts the runs of the case, from 1 */
export function runRecord(run: MockedRun, id: number, definition: PipelineDefinition): LuaRecord {
  const { outcome, changes } = run;
  return luaRecord({
    id,
    state: outcome.state,
    reason: outcome.reason ?? null,
    message: outcome.message ?? null,
    code: outcome.code ?? null,
    duration: run.durationMs / 1000,
    ran: [...new Set(changes.filter(({ state }) => state === 'running').map(({ stage }) => stage))],
    stages: definition.stages.map(({ name }) =>
      stageRecord(
        name,
        changes.filter(({ stage }) => stage === name),
      ),
    ),
    commands: run.commands.map(({ fields, exitCode }) =>
      luaRecord({ ...fields, exit_code: exitCode ?? null }),
    ),
    requests: [...run.requests],
    images: [...run.images],
    summary: run.summary() ?? null,
    outputs: luaRecord(Object.fromEntries(run.outputs) as Record<string, LuaValue>),
  });
}

function stageRecord(name: string, changes: readonly StageChange[]): LuaRecord {
  const last = changes.at(-1);
  const began = changes.find(({ state }) => state === 'running');
  return luaRecord({
    name,
    state: last?.state ?? 'pending',
    reason: last?.reason ?? null,
    code: last?.code ?? null,
    ran: began !== undefined,
    runs: began === undefined ? 0 : (last?.run ?? 0),
    unchecked_exits: last?.unchecked_exits ?? 0,
    duration:
      began === undefined || last === undefined
        ? 0
        : (Date.parse(last.t) - Date.parse(began.t)) / 1000,
  });
}
