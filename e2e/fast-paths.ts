// The settings that turn every fast path off, one table for all tests.

/**
 * Of each program. What each of them brings, and what takes its place, stands in
 * docs/performance.md, which a test compares with this table.
 */
export const fastPathsOff = {
  orchestrator: {
    RIVET_BATCHING: 'off',
    RIVET_RUNNER_CACHE: 'off',
    RIVET_LEAN_HEAP: 'off',
    RIVET_NOTIFICATIONS: 'off',
    RIVET_PREPARED_STATEMENTS: 'off',
    RIVET_RESERVED_CONNECTIONS: '0',
  },
  runner: {
    RIVET_WARM_CONTAINERS: '0',
    RIVET_READY_LUA: 'off',
    RIVET_EARLY_START: 'off',
    RIVET_RUN_AHEAD: 'off',
    RIVET_BUNDLE_CACHE: 'off',
    RIVET_REPORT_BUNDLING: 'off',
    RIVET_CONTROL_DIRECTORY: 'off',
  },
} as const;
