// Who runners are and what they offer, kept in memory for a moment: a runner that waits for jobs
// costs no statement of its own.
import { createService, type Logger, type Service } from '@rivet/base';
import {
  type Database,
  findKnownRunner,
  findRunnerByToken,
  fulfilledTags,
  type KnownRunnerRow,
  listChangedRunners,
  listRevokedRunners,
  type RunnerIdentity,
  type RunnerMarks,
  runnerMarks,
  seeRunner,
  touchRunners,
} from '@rivet/store';

/** Which jobs a runner may be given; runners with the same `key` may have the same. */
export interface RunnerTerms {
  readonly key: string;
  /** What its tags fulfil, sorted. */
  readonly fulfils: readonly string[];
  /** Patterns of the names of the pipelines that it may run, sorted. */
  readonly pipelines: readonly string[];
}

/** What a claim must know of its runner. */
export interface SeenRunner {
  readonly terms: RunnerTerms;
  readonly capacity: number;
  /** Jobs that it may be given besides those that it has. */
  readonly room: number;
  /** How long it is given no jobs, in milliseconds; 0: it is not paused. */
  readonly pauseMs: number;
  /** Whether its process shall end when it runs nothing. */
  readonly drain: boolean;
  /** Whether it should change its token. */
  readonly changeToken: boolean;
}

/** Polls that wait here. */
export interface WaitingPolls {
  /** The runners that have some; each once. */
  waitingRunners(): Iterable<string>;
  /** Ends those of runners that were revoked. */
  refuse(runnerIds: ReadonlySet<string>): void;
  /** Answers those of runners that have changed: they ask again, as what they are now. */
  release(runnerIds: ReadonlySet<string>): void;
}

export interface KnownRunnersOptions {
  readonly database: Database;
  /** False: nothing is kept, and every call asks the database. */
  readonly cached: boolean;
  readonly logger: Logger;
  readonly polls: WaitingPolls;
  /** Tells the other orchestrators that a runner has changed. */
  readonly tellOthers: (runnerId: string) => void;
}

/** A runner changes a token that is older. */
const TOKEN_SECONDS_MAX = 30 * 24 * 3600;
/** How often it is asked which runners have changed, whoever changed them. */
const COMPARE_MS = 2000;
/** What was not confirmed for so long is asked anew: a revoked runner is out within 5 s. */
const CONFIRMED_MS_MAX = 4000;
/** One that was not heard of for so long is forgotten. */
const ENTRY_MS_MAX = 300_000;
const ENTRIES_MAX = 20_000;
/** How often it is written down which runners were heard of. */
const TOUCH_MS = 15_000;

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly hash: string;
  readonly session: string;
  readonly mark: string;
  readonly terms: RunnerTerms;
  readonly capacity: number;
  /** When it should change its token, by the clock of this process. */
  readonly tokenDueAtMs: number;
  /** The end of its pause; long ago when it is not paused. */
  readonly pausedUntilMs: number;
  readonly drain: boolean;
  heardAtMs: number;
  /** When nothing had changed. */
  confirmedAtMs: number;
  /** Something may have: not used until it was compared. */
  doubted: boolean;
  draining: boolean;
  problem: string | null;
  running: number;
}

/** The runners that call this orchestrator. */
export class KnownRunners {
  readonly #options: KnownRunnersOptions;
  readonly #byHash = new Map<string, Entry>();
  readonly #byId = new Map<string, Entry>();
  readonly #terms = new Map<string, RunnerTerms>();
  /** Of all that are known; undefined: they have changed since it was made. */
  #marks: RunnerMarks | undefined;
  /** Heard of since it was last written down. */
  #heardOf = new Set<string>();
  /** Counts what was told: what was read before is not kept. */
  #changes = 0;
  #comparing: Promise<void> | undefined;
  #compareAgain = false;
  /** Who waits until it was compared. */
  readonly #toTell: (() => void)[] = [];

  constructor(options: KnownRunnersOptions) {
    this.#options = options;
  }

  /** The runner that has a token with this hash, when it is known for certain. */
  known(hash: Buffer): RunnerIdentity | undefined {
    const entry = this.#byHash.get(hash.toString('base64'));
    if (!usable(entry)) return undefined;
    entry.heardAtMs = performance.now();
    this.#heardOf.add(entry.id);
    return entry;
  }

  /** The runner that has a token with this hash. */
  async identify(hash: Buffer): Promise<RunnerIdentity | undefined> {
    const known = this.known(hash);
    if (known !== undefined) return known;
    const { database, cached } = this.#options;
    const found = cached ? await this.#load(hash) : await findRunnerByToken(database, hash);
    if (found !== undefined) this.#heardOf.add(found.id);
    return found;
  }

  /**
   * What a runner that asks for jobs may have; undefined when none has that id and session.
   * @param call.wanted jobs that it asks for; `call.session` must be a UUID
   */
  async see(call: {
    runnerId: string;
    session: string;
    draining: boolean;
    /** Why it takes none, in its own words; null: it does. */
    problem: string | null;
    wanted: number;
  }): Promise<SeenRunner | undefined> {
    const { runnerId: id, session, draining, problem, wanted } = call;
    const entry = this.#byId.get(id);
    if (usable(entry) && entry.session === session && isAsSaid(entry, call)) {
      const { terms, capacity, drain } = entry;
      const now = performance.now();
      const pauseMs = Math.max(0, entry.pausedUntilMs - now);
      const changeToken = entry.tokenDueAtMs <= now;
      const room = roomOf(capacity, entry.running);
      // What other orchestrators gave it is not counted: the database is asked before it has none.
      if (room >= Math.min(wanted, capacity)) {
        return { terms, capacity, room, pauseMs, drain, changeToken };
      }
    }
    const before = entry?.running ?? 0;
    const runner = { id, session, draining, problem, tokenSecondsMax: TOKEN_SECONDS_MAX };
    const seen = await seeRunner(this.#options.database, runner);
    if (seen === undefined) return undefined;
    if (entry !== undefined) {
      // Besides what was counted meanwhile.
      entry.running += seen.running - before;
      entry.draining = draining;
      entry.problem = problem;
    }
    return {
      terms: this.#termsOf(seen),
      capacity: seen.capacity,
      room: roomOf(seen.capacity, seen.running),
      pauseMs: seen.pause_ms,
      drain: seen.drain_asked,
      changeToken: seen.change_token,
    };
  }

  /** It was given so many jobs. */
  gave(runnerId: string, count: number): void {
    const entry = this.#byId.get(runnerId);
    if (entry !== undefined) entry.running += count;
  }

  /** One of its attempts has ended. */
  ended(runnerId: string): void {
    const entry = this.#byId.get(runnerId);
    if (entry !== undefined) entry.running = Math.max(0, entry.running - 1);
  }

  /**
   * It was changed here: connected, paused, revoked, asked for another token. After the commit.
   * Resolves when its polls that waited here have been told. Never rejects.
   */
  change(runnerId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#toTell.push(resolve);
    this.changed(runnerId);
    this.#options.tellOthers(runnerId);
    return promise;
  }

  /** Runners may have changed: ids with spaces between, `*` for any. */
  changed(payload: string): void {
    this.#changes += 1;
    const entries =
      payload === '*' ? this.#byId.values() : payload.split(' ').map((id) => this.#byId.get(id));
    for (const entry of entries) if (entry !== undefined) entry.doubted = true;
    this.#compare();
  }

  /** Looks every other second what has changed, and writes down who was heard of. */
  service(): Service {
    let timers: NodeJS.Timeout[] = [];
    let touching: Promise<void> | undefined;
    return createService('known runners', {
      start: async () => {
        const compare = setInterval(() => this.#compare(), COMPARE_MS);
        const touch = setInterval(() => {
          touching ??= this.#touch().finally(() => {
            touching = undefined;
          });
        }, TOUCH_MS);
        timers = [compare, touch];
      },
      stop: async () => {
        for (const timer of timers) clearInterval(timer);
        await Promise.all([this.#comparing, touching]);
      },
    });
  }

  async #load(hash: Buffer): Promise<RunnerIdentity | undefined> {
    const changes = this.#changes;
    const found = await findKnownRunner(this.#options.database, hash, TOKEN_SECONDS_MAX);
    if (found === undefined) return undefined;
    const { runner: row, promoted } = found;
    if (!promoted && changes === this.#changes) this.#keep(row, hash.toString('base64'));
    // Its old token has just ended.
    if (promoted) void this.change(row.id);
    return { id: row.id, name: row.name };
  }

  #keep(row: KnownRunnerRow, hash: string): void {
    const before = this.#byId.get(row.id);
    if (before !== undefined) this.#drop(before);
    const oldest = this.#byHash.size < ENTRIES_MAX ? undefined : this.#byHash.values().next().value;
    if (oldest !== undefined) this.#drop(oldest);
    const now = performance.now();
    const entry: Entry = {
      id: row.id,
      name: row.name,
      hash,
      session: row.session,
      mark: row.mark,
      terms: this.#termsOf(row),
      capacity: row.capacity,
      tokenDueAtMs: now + row.token_due_ms,
      pausedUntilMs: now + row.pause_ms,
      drain: row.drain_asked,
      heardAtMs: now,
      confirmedAtMs: now,
      doubted: false,
      draining: row.draining,
      problem: row.problem,
      running: row.running,
    };
    this.#byHash.set(hash, entry);
    this.#byId.set(row.id, entry);
    this.#marks = undefined;
  }

  #drop(entry: Entry): void {
    const { hash, id } = entry;
    // Another one may have taken its place meanwhile.
    if (this.#byHash.get(hash) === entry) this.#byHash.delete(hash);
    if (this.#byId.get(id) === entry) this.#byId.delete(id);
    this.#marks = undefined;
  }

  /** The same object for all runners that may have the same jobs. */
  #termsOf({ tags, pipelines: patterns }: Pick<KnownRunnerRow, 'tags' | 'pipelines'>): RunnerTerms {
    const fulfils = fulfilledTags(tags);
    const pipelines = [...patterns].sort();
    const key = JSON.stringify([fulfils, pipelines]);
    const known = this.#terms.get(key);
    if (known !== undefined) return known;
    if (this.#terms.size >= ENTRIES_MAX) this.#terms.clear();
    const terms = { key, fulfils, pipelines };
    this.#terms.set(key, terms);
    return terms;
  }

  #compare(): void {
    this.#compareAgain = true;
    this.#comparing ??= this.#compareAll().finally(() => {
      this.#comparing = undefined;
    });
  }

  async #compareAll(): Promise<void> {
    while (this.#compareAgain) {
      this.#compareAgain = false;
      const toTell = this.#toTell.splice(0);
      try {
        await this.#compareOnce();
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'it could not be asked which runners changed');
      }
      for (const tell of toTell) tell();
    }
  }

  /** One statement for all that are known, one for those that wait and are not. */
  async #compareOnce(): Promise<void> {
    const { database, polls } = this.#options;
    const begunAtMs = performance.now();
    const begunAt = this.#changes;
    const waiting = new Set(polls.waitingRunners());
    const entries = [...this.#byId.values()];
    const unknown = [...waiting].filter((id) => !this.#byId.has(id));
    this.#marks ??= runnerMarks(entries);
    const differing = entries.length === 0 ? [] : await listChangedRunners(database, this.#marks);
    const changed = new Map(differing.map(({ id, gone }) => [id, gone]));
    for (const entry of entries) {
      const { id } = entry;
      const idle = begunAtMs - entry.heardAtMs > ENTRY_MS_MAX && !waiting.has(id);
      if (changed.has(id) || idle) this.#drop(entry);
      else {
        entry.confirmedAtMs = begunAtMs;
        if (begunAt === this.#changes) entry.doubted = false;
      }
    }
    const gone = unknown.length === 0 ? [] : await listRevokedRunners(database, unknown);
    const revoked = new Set([...gone, ...[...changed].filter(([, is]) => is).map(([id]) => id)]);
    if (revoked.size > 0) polls.refuse(revoked);
    if (changed.size > 0) polls.release(new Set(changed.keys()));
  }

  async #touch(): Promise<void> {
    const { database, logger, polls } = this.#options;
    const ids = new Set([...this.#heardOf, ...polls.waitingRunners()]);
    this.#heardOf = new Set();
    if (ids.size === 0) return;
    try {
      await touchRunners(database, [...ids]);
    } catch (error) {
      logger.warn({ err: error }, 'it could not be written down which runners were heard of');
    }
  }
}

/** Whether a claim says of its runner what the database has. */
function isAsSaid(entry: Entry, said: Pick<Entry, 'draining' | 'problem'>): boolean {
  return entry.draining === said.draining && entry.problem === said.problem;
}

function usable(entry: Entry | undefined): entry is Entry {
  if (entry === undefined || entry.doubted) return false;
  return performance.now() - entry.confirmedAtMs < CONFIRMED_MS_MAX;
}

/**
 * A runner that says over and over that it has room is not believed. Twice its capacity, because
 * one that was killed and started again has room while its old leases last.
 */
function roomOf(capacity: number, running: number): number {
  return Math.max(0, 2 * capacity - running);
}
