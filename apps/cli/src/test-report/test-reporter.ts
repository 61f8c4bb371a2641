// What is told while tests run and when they have ended; text, JSON and JUnit implement it.
import type { RivetError } from '@rivet/base';
import type { CaseReport } from '@rivet/engine';

/** A test file and how it went. */
export interface FileReport {
  /** As it is shown: relative to where the command was given. */
  readonly path: string;
  /** The cases that were run or skipped, in the order of the file. */
  readonly cases: readonly CaseReport[];
  /** Why the file could not be run at all. */
  readonly problem: RivetError | undefined;
  readonly durationMs: number;
}

export interface TestSummary {
  readonly files: readonly FileReport[];
  readonly passed: number;
  /** Files that could not be run count as one. */
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
}

export interface TestReporter {
  /** Called before the cases of a file. */
  file(path: string): void;
  case(report: CaseReport): void;
  /** Called after the cases of a file. */
  fileEnd(report: FileReport): void;
  end(summary: TestSummary): void;
}
