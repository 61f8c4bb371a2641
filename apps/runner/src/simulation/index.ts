// What the simulation is given of the runner.
export type { CallLimits, ServerApi } from '../server-api.ts';
export {
  hashOfToken,
  keepRunnerToken,
  makeSimulatedRunner,
  type SimulatedJobRun,
} from './runner.ts';
