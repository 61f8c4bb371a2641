// A real PostgreSQL that Rivet brings itself: for `rivet dev`, the demo, tests and benchmarks.
export {
  type EmbeddedDatabase,
  type EmbeddedDatabaseOptions,
  startEmbeddedDatabase,
} from './embedded-database.ts';
