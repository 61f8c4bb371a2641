-- The first byte of a chunk tells how its lines are packed (packages/store/src/log-chunk.ts): the
-- column of 0010 that should have told it was never read.
ALTER TABLE job_logs DROP COLUMN format;
