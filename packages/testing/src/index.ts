// What integration tests have in common: databases, our programs as processes, a check for what is
// left behind.
export { canLimit } from './can-limit.ts';
export { childProcesses } from './child-processes.ts';
export { type DatabaseServer, startDatabaseServer } from './database-server.ts';
export { askDatabase } from './faults/ask-database.ts';
export { createMovingClock, type MovingClock } from './faults/moving-clock.ts';
export { mountSmallDisk, type SmallDisk } from './faults/small-disk.ts';
export { startTcpProxy, type TcpProxy } from './faults/tcp-proxy.ts';
export { violationsIn } from './faults/violations.ts';
export { hostileMarkup, hostileSequences } from './hostile-text.ts';
export { startPooler, type TestPooler } from './pooler.ts';
export { processorMsOf, watchTimers } from './processor-time.ts';
export { startStandby, takeBaseBackup } from './standby-server.ts';
export { type Browser, type BrowserContext, type Page, startBrowser } from './test-browser.ts';
export {
  createTestAuthority,
  type TestAuthority,
  type TestCertificate,
} from './test-certificates.ts';
export { createTestDatabase, type TestDatabase, useTestDatabase } from './test-database.ts';
export { startProgram, type TestProgram } from './test-program.ts';
export { startRegistry, type TestRegistry } from './test-registry.ts';
