// Host processes: start, signal, wait, tell apart.
export {
  identifyProcess,
  isProcessAlive,
  otherProcesses,
  type ProcessIdentity,
} from './identity.ts';
export { INIT_SCRIPT, runUnderInit } from './init.ts';
export { killProcess, signalProcess } from './kill.ts';
export { outcomeOf, type ProcessOutcome } from './outcome.ts';
export { type HostProcess, type ProcessExit, type ProcessOptions, startProcess } from './spawn.ts';
export { startTurn } from './start-turn.ts';
