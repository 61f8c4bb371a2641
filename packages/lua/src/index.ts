// Runs untrusted Lua in processes that can be killed. Knows nothing of pipelines.
export { createLuaEngine, type LuaEngineOptions } from './engine.ts';
export { LUA_IMAGE, LUA_IMAGE_ENTRY, makeImage, takeImage } from './image.ts';
export { loadLocalEngine } from './load-local-engine.ts';
export type { LocalEngine } from './local-engine.ts';
export { positionOf, renderLuaError } from './lua-failure.ts';
export { processBounds } from './lua-process.ts';
export {
  asRecord,
  LuaFunction,
  type LuaRecord,
  type LuaValue,
  type SourcePosition,
} from './values.ts';
export type {
  ExpectedAnswer,
  HostCall,
  LuaEngine,
  LuaEvaluation,
  LuaHost,
  LuaLimits,
  LuaModuleSpec,
  LuaProgram,
  LuaVm,
} from './vm.ts';
