// A real PostgreSQL that Rivet brings itself: for `rivet dev`, the demo, tests and benchmarks.
export { databaseAccount } from './account.ts';
export { clusterHome } from './cluster-home.ts';
export {
  type EmbeddedDatabase,
  type EmbeddedDatabaseOptions,
  startEmbeddedDatabase,
} from './embedded-database.ts';
