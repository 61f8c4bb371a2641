// Which host call of a tested pipeline something is done for.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { HostCall, LuaEngine } from '@rivet/lua';

export interface CurrentCall {
  /** The call that the running code serves; undefined outside of calls. */
  get(): HostCall | undefined;
  /** The same engine; its calls are remembered. */
  watch(lua: LuaEngine): LuaEngine;
}

export function createCurrentCall(): CurrentCall {
  const storage = new AsyncLocalStorage<HostCall>();
  return {
    get: () => storage.getStore(),
    watch: (lua) => ({
      open: (program, host, limits) =>
        lua.open(program, { call: (call) => storage.run(call, () => host.call(call)) }, limits),
      close: () => lua.close(),
    }),
  };
}
