// What integration tests have in common: a database each, and a check that nothing was left behind.
export { createTestDatabase, type TestDatabase, useTestDatabase } from './test-database.ts';
