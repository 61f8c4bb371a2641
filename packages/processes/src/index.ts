// Host processes: start, signal, wait.
export { type HostProcess, type ProcessExit, type ProcessOptions, startProcess } from './spawn.ts';
