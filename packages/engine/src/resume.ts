// What lets a job go on after the process that ran it was killed: the contract between the engine
// and the program that runs jobs.

/**
 * Which lines of a log these are, whoever writes them again: a job that goes on in another process
 * comes by the same lines, and leaves out those that are printed already.
 */
export interface LineSource {
  /** Who writes them, such as a branch, or a stream of a command. */
  readonly origin: string;
  /** How far the origin has come with them; it only grows. */
  readonly end: number;
}

/** What an earlier process left of an attempt, besides its journal and its containers. */
export interface JobResume {
  /** Number of the last line of its log that is kept; 0 when there is none. */
  readonly lastLine: number;
  /** Bytes of those lines, with the names of their sections. */
  readonly logBytes: number;
  /** The largest `end` of each origin among them. */
  readonly printed: ReadonlyMap<string, number>;
}
