// What the simulation is given of the orchestrator.
export { AnswerWay, refusalOf, SimulatedOrchestrator } from './simulated-orchestrator.ts';
