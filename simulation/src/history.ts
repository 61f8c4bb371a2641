// One history: a few jobs, two runners, two orchestrators, a network that loses, repeats, reorders
// and delays, a database whose answers get lost, programs that die. The seed decides all of it.
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, type Random, silentLogger, uuidv7 } from '@rivet/base';
import { SimulatedOrchestrator } from '@rivet/orchestrator/simulation';
import type { JobOutcome, LogLine } from '@rivet/protocol';
import { keepRunnerToken, makeSimulatedRunner } from '@rivet/runner/simulation';
import type { Database } from '@rivet/store';
import { JobRecord } from './job-record.ts';
import type { Mutation } from './mutations.ts';
import { realTurn } from './replace-globals.ts';
import {
  insertSimulatedPipeline,
  insertSimulatedRunners,
  type JobRow,
  launchSimulatedJobs,
  RETRIES,
  readSimulatedJobs,
  readSimulatedLogs,
  readSimulatedOutputs,
} from './rows.ts';
import type { SimulatedClock } from './simulated-clock.ts';
import { type Fate, SimulatedDatabase } from './simulated-database.ts';
import { filterDisk } from './simulated-disk.ts';
import { type Server, SimulatedNetwork } from './simulated-network.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { SimulatedTime } from './simulated-time.ts';

const LEASE_SECONDS = 8;
const CAPACITY = 2;
/** How long things break, and until when everything must have ended then, in milliseconds. */
const CHAOS_MS = 13_000;
const CALM_MS = 600_000;
/** How long after a change its job is looked at, when nothing breaks any more. */
const LOOK_MS = 1000;
/** Jobs have outputs in one history of so many: reports with any are stored in another way. */
const WITH_OUTPUTS = 4;
/** Claims that nobody heard of count against no rule. */
const RETURNS_MAX = 100;

/**
 * What a history is like: one in so many. Histories that differ in what is frequent find more than
 * all of the same kind (swarm testing, Groce et al. 2012).
 */
interface Style {
  readonly lose: number;
  readonly repeat: number;
  readonly hold: number;
  readonly fatal: number;
  readonly databaseFault: number;
  readonly cancel: number;
  /** Milliseconds between two deaths at most. */
  readonly deathMs: number;
  /** Milliseconds that a runner reaches nobody at most. */
  readonly cutMs: number;
  /** Milliseconds until a program that died starts again, at most. */
  readonly restartMs: number;
}

function chooseStyle(random: Random): Style {
  return {
    lose: random.pick([3, 8, 1000]),
    repeat: random.pick([2, 4, 1000]),
    hold: random.pick([2, 4, 1000]),
    fatal: random.pick([4, 16, 1000]),
    databaseFault: random.pick([5, 20, 1000, 1000]),
    cancel: random.pick([3, 1000]),
    deathMs: random.pick([2000, 8000, 60_000]),
    cutMs: random.pick([1, 3000, 12_000]),
    restartMs: random.pick([100, 1000, 10_000]),
  };
}

export interface HistoryOptions {
  readonly database: Database;
  /** What the database reads the time from. */
  readonly clock: SimulatedClock;
  /** Of the runners; what they keep is removed at the end. */
  readonly directory: string;
  readonly seed: number;
  readonly mutation?: Mutation | undefined;
  /** Later than all histories on this database before, in milliseconds since 1970. */
  readonly startMs: number;
}

export interface HistoryEnd {
  /** What went wrong: sentences. */
  readonly faults: readonly string[];
  /** Tells what happened, one event a line; the same for the same seed. */
  readonly tell: () => readonly string[];
  readonly endMs: number;
}

/** Told only where somebody asks: most histories nobody reads. */
interface HistoryEvent {
  /** Since the history began. */
  readonly ms: number;
  readonly tell: () => string;
}

/** Of what happened: equal for equal histories. */
export function hashOfEvents(events: readonly string[]): string {
  return createHash('sha256').update(events.join('\n')).digest('hex');
}

export async function runHistory(options: HistoryOptions): Promise<HistoryEnd> {
  const history = new History(options);
  return await history.run();
}

class History {
  readonly #options: HistoryOptions;
  readonly #random: Random;
  readonly #style: Style;
  readonly #time: SimulatedTime;
  readonly #turns = { waiting: 0 };
  readonly #database: SimulatedDatabase;
  readonly #network: SimulatedNetwork;
  readonly #record: JobRecord;
  readonly #mistakes: ReturnType<Mutation['make']>;
  /** The simulation itself: its time is that of the world. */
  readonly #self: SimulatedProcess;
  readonly #servers = new Map<string, Server>();
  readonly #runners = new Map<string, SimulatedProcess>();
  readonly #faults: string[] = [];
  readonly #events: HistoryEvent[] = [];
  readonly #launched: string[] = [];
  /** Jobs whose end somebody asked for. */
  readonly #canceled = new Set<string>();
  /** State and attempt of the jobs that had ended when they were looked at. */
  readonly #ended = new Map<string, string>();
  #pipeline = '';
  #isCalm = false;
  /** Whether an orchestrator said that a job has changed, since lost ones were looked for. */
  #jobChanged = false;
  /** The same since all were looked at. */
  #changedSinceLook = false;

  constructor(options: HistoryOptions) {
    const { seed, startMs, database, mutation } = options;
    this.#options = options;
    this.#random = createRandom(seed);
    this.#style = chooseStyle(this.#random);
    this.#time = new SimulatedTime(startMs);
    this.#mistakes = mutation?.make() ?? {};
    filterDisk(this.#mistakes.disk ?? (() => true));
    const note = (tell: () => string): void => this.#note(tell);
    const fault = (text: string): void => void this.#faults.push(text);
    this.#self = this.#makeProcess('the simulation', () => undefined);
    this.#database = new SimulatedDatabase(database, {
      time: this.#time,
      clock: options.clock,
      chooseFate: () => this.#chooseFate(),
      changes: this.#mistakes.statements,
    });
    this.#record = new JobRecord({
      ...{ time: this.#time, random: this.#random, note, fault },
      withOutputs: seed % WITH_OUTPUTS === 0,
    });
    this.#network = new SimulatedNetwork({
      ...{ time: this.#time, random: this.#random, style: this.#style, note, fault },
      mistakes: this.#mistakes,
      database: this.#database.plain,
      servers: () => [...this.#servers.values()],
      given: (job, runner, servedMs) => this.#record.given(job, runner, servedMs),
      acknowledged: (job, report) => this.#record.acknowledged(job, report),
      connected: () => this.#checkLost(this.#record.running()),
      refused: (job, report, code) => this.#record.refused(job, report, code),
    });
  }

  async run(): Promise<HistoryEnd> {
    try {
      await this.#self.run(() => this.#prepare());
      this.#scheduleDeaths();
      this.#scheduleCuts();
      this.#scheduleDuty();
      this.#scheduleCancels();
      await this.#pass(CHAOS_MS);
      this.#calmDown();
      const giveUpMs = this.#time.nowMs + CALM_MS;
      await this.#look();
      while (this.#faults.length === 0 && !this.#isOver()) {
        if (this.#time.nowMs > giveUpMs) this.#faults.push('not everything came to its end');
        await this.#pass(LOOK_MS);
        if (this.#changedSinceLook) await this.#look();
      }
      if (this.#faults.length === 0) await this.#compare(await this.#look());
      // Without the end of its programs, which is no part of it.
      const events = [...this.#events];
      return { faults: this.#faults, tell: () => tellEvents(events), endMs: this.#time.nowMs };
    } finally {
      this.#isCalm = true;
      for (const process of [...this.#runners.values(), ...this.#processes()]) process.kill();
      this.#self.kill();
      await this.#settle();
      rmSync(this.#options.directory, { recursive: true, force: true });
    }
  }

  async #prepare(): Promise<void> {
    // Ids are made from a store of random bytes, of which another history has left some: when it
    // is filled again, and by whose chance, must not depend on that one.
    while (this.#self.refills === 0) uuidv7();
    const db = this.#database.plain;
    this.#pipeline = await insertSimulatedPipeline(db);
    for (const name of ['server one', 'server two']) this.#startServer(name);
    const runners = ['one', 'two'].map((name) => ({ name, tokenHash: this.#makeToken(name) }));
    await insertSimulatedRunners(db, this.#pipeline, runners);
    for (const { name } of runners) this.#startRunner(name);
    const jobs = this.#random.between(1, 3);
    this.#launched.push(...(await launchSimulatedJobs(db, this.#pipeline, jobs)));
  }

  /** The token of a runner, which it has on its disk. Its hash. */
  #makeToken(runner: string): Buffer {
    const token = `rvr_${uuidv7().replaceAll('-', '').padEnd(43, 'x')}`;
    return SimulatedProcess.outside(() => keepRunnerToken(this.#directoryOf(runner), token));
  }

  #makeProcess(name: string, onDeath: () => void): SimulatedProcess {
    const chance = createRandom(this.#random.below(2 ** 30));
    return new SimulatedProcess(name, { time: this.#time, chance, turns: this.#turns }, onDeath);
  }

  #directoryOf(name: string): string {
    return join(this.#options.directory, name);
  }

  #processes(): SimulatedProcess[] {
    return [...this.#servers.values()].map(({ process }) => process);
  }

  #startServer(name: string): void {
    const process = this.#makeProcess(name, () => {
      this.#note(() => `${name} dies`);
      this.#servers.delete(name);
      this.#network.serverDied(process);
      this.#restart(() => this.#startServer(name));
    });
    const tell = (what: (other: SimulatedOrchestrator) => void): void => {
      if (!this.#isCalm && this.#random.once(this.#style.lose)) return;
      this.#time.after(this.#random.between(1, 20), () => {
        for (const { process: other, orchestrator } of this.#servers.values()) {
          if (other !== process) other.run(() => what(orchestrator));
        }
      });
    };
    const orchestrator = process.run(
      () =>
        new SimulatedOrchestrator({
          database: this.#database.forPrograms,
          leaseSeconds: LEASE_SECONDS,
          pollMsMax: 20_000,
          onQueue: () => tell((other) => other.wake()),
          onJob: () => {
            this.#jobChanged = true;
            this.#changedSinceLook = true;
          },
          onRunner: (id) => tell((other) => other.runnerChanged(id)),
        }),
    );
    this.#servers.set(name, { process, orchestrator });
    this.#note(() => `${name} starts`);
  }

  #startRunner(name: string): void {
    const process = this.#makeProcess(name, () => {
      this.#note(() => `${name} dies`);
      this.#restart(() => this.#startRunner(name));
    });
    this.#runners.set(name, process);
    this.#note(() => `${name} starts`);
    process.run(() => {
      const runner = makeSimulatedRunner({
        ...{ name, capacity: CAPACITY, logger: silentLogger },
        stateDirectory: this.#directoryOf(name),
        api: this.#network.apiOf(process),
        clock: () => this.#time.nowMs,
        runJob: this.#record.runJob,
      });
      const end = (why: unknown): void => {
        if (process.isAlive) this.#note(() => `${name} ends: ${String(why)}`);
        process.kill();
      };
      runner
        .start()
        .then(() => runner.ended())
        .then(end, end);
    });
  }

  #restart(start: () => void): void {
    if (this.#isCalm && this.#faults.length > 0) return;
    const ms = this.#isCalm ? 200 : this.#random.between(100, this.#style.restartMs);
    this.#time.after(ms, start);
  }

  #scheduleDeaths(): void {
    this.#time.after(this.#random.between(50, this.#style.deathMs), () => {
      if (this.#isCalm) return;
      const all = [...this.#runners.values(), ...this.#runners.values(), ...this.#processes()];
      const living = all.filter(({ isAlive }) => isAlive);
      if (living.length > 0) this.#random.pick(living).dieAfter(this.#random.below(30));
      this.#scheduleDeaths();
    });
  }

  #scheduleCuts(): void {
    this.#time.after(this.#random.between(500, 10_000), () => {
      if (this.#isCalm) return;
      const name = this.#random.pick([...this.#runners.keys()]);
      const ms = this.#random.between(1, this.#style.cutMs);
      this.#note(() => `${name} reaches nobody for ${ms} ms`);
      this.#network.cut(name, this.#time.nowMs + ms);
      this.#scheduleCuts();
    });
  }

  #scheduleCancels(): void {
    this.#time.after(this.#random.between(500, 8000), () => {
      if (this.#isCalm) return;
      const [server] = [...this.#servers.values()];
      if (server !== undefined && this.#random.once(this.#style.cancel)) {
        const id = this.#random.pick(this.#launched);
        this.#note(() => `somebody cancels ${id}`);
        this.#canceled.add(id);
        server.process.run(() => server.orchestrator.cancel(id).catch(() => undefined));
      }
      this.#scheduleCancels();
    });
  }

  /** The lease of an attempt that runs must not have run out. */
  #scheduleDuty(): void {
    const ms = this.#isCalm ? 3000 : this.#random.between(1000, 4500);
    this.#time.after(ms, () => {
      const living = [...this.#servers.values()];
      if (living.length > 0) {
        const { process, orchestrator } = this.#random.pick(living);
        const running = this.#record.running();
        const check = (): Promise<void> => this.#checkLost(running);
        process.run(() => {
          orchestrator.expireLeases().then((wasDue) => (wasDue ? check() : undefined), check);
        });
      }
      this.#scheduleDuty();
    });
  }

  async #checkLost(running: ReturnType<JobRecord['running']>): Promise<void> {
    if (!this.#jobChanged || running.length === 0) return;
    this.#jobChanged = false;
    for (const job of await readSimulatedJobs(this.#database.plain, this.#pipeline)) {
      for (const { attempt, result } of job.attempts) {
        const work = running.find((one) => one.jobId === job.id && one.attempt === attempt);
        if (result === 'lost' && work?.runner?.isAlive === true) {
          this.#faults.push(`${job.id}.${attempt} was lost while its runner worked on it`);
        }
      }
    }
  }

  #chooseFate(): Fate {
    if (this.#isCalm || !this.#random.once(this.#style.databaseFault)) return 'done';
    return this.#random.pick(['not done', 'done, and nobody learns of it', 'done twice']);
  }

  #calmDown(): void {
    this.#note(() => 'nothing breaks any more');
    this.#isCalm = true;
    this.#network.calmDown();
    this.#record.calmDown();
    for (const process of [...this.#runners.values(), ...this.#processes()]) {
      process.dieAfter(Number.POSITIVE_INFINITY);
    }
  }

  /** Lets time pass; what a program does at a moment is over before the next one comes. */
  async #pass(ms: number): Promise<void> {
    const untilMs = this.#time.nowMs + ms;
    while (this.#faults.length === 0 && this.#time.next(untilMs)) await this.#settle();
  }

  async #settle(): Promise<void> {
    do {
      await realTurn();
      while (this.#database.isBusy) {
        await this.#database.idle();
        await realTurn();
      }
    } while (this.#turns.waiting > 0);
  }

  /** What has ended stays as it is. The jobs as they stand. */
  async #look(): Promise<readonly JobRow[]> {
    this.#changedSinceLook = false;
    const jobs = await readSimulatedJobs(this.#database.plain, this.#pipeline);
    for (const { id, state, reason, attempt } of jobs) {
      const stand = `${state} (${reason}) in attempt ${attempt}`;
      const ended = this.#ended.get(id);
      if (attempt > RETURNS_MAX) this.#faults.push(`${id} came back too often`);
      if (ended !== undefined && ended !== stand) {
        this.#faults.push(`${id} was ${ended} and became ${stand}`);
      }
      if (state !== 'queued' && state !== 'running') this.#ended.set(id, stand);
    }
    return jobs;
  }

  /** Whether all had ended when they were looked at. */
  #isOver(): boolean {
    // A runner may still have to hear of the end that it told.
    return this.#ended.size === this.#launched.length && this.#record.running().length === 0;
  }

  async #compare(jobs: readonly JobRow[]): Promise<void> {
    if (jobs.length !== this.#launched.length) this.#faults.push('a launched job is missing');
    const { plain } = this.#database;
    const logs = await readSimulatedLogs(plain, this.#launched);
    const outputs = this.#record.withOutputs
      ? await readSimulatedOutputs(plain, this.#launched)
      : undefined;
    for (const job of jobs) {
      const { id, attempt: last, attempts } = job;
      const numbers = attempts.map(({ attempt }) => attempt);
      if (numbers.some((n, index) => n !== index + 1) || numbers.length !== last) {
        this.#faults.push(`${id} has the attempts ${numbers.join(', ')}`);
      }
      const spent = attempts.filter(({ result }) => result !== 'returned').length;
      if (spent > RETRIES + 1) this.#faults.push(`${id} was tried ${spent} times`);
      for (const { attempt, result } of attempts) {
        this.#compareLog(id, attempt, logs.get(`${id}.${attempt}`) ?? []);
        this.#compareOutputs(id, attempt, outputs?.get(`${id}.${attempt}`) ?? []);
        const accepted = this.#record.find(id, attempt)?.accepted;
        if (accepted === undefined || this.#isEndOf(id, accepted, result)) continue;
        this.#faults.push(`${id}.${attempt}: ${accepted.state} was accepted, and it is ${result}`);
      }
    }
  }

  /** What was lost after somebody had canceled it ends as that one wanted. */
  #isEndOf(jobId: string, { state, reason }: JobOutcome, result: string): boolean {
    if (state === result || reason === 'runner_lost') return true;
    return reason === 'infrastructure' && result === 'canceled' && this.#canceled.has(jobId);
  }

  /** What is stored is what was printed, from the first line on; what was acknowledged is there. */
  #compareLog(jobId: string, attempt: number, lines: readonly LogLine[]): void {
    const work = this.#record.find(jobId, attempt);
    const wrong = lines.findIndex(
      ({ n, text }, index) =>
        work === undefined ||
        n !== index + 1 ||
        n > work.printed ||
        text !== this.#record.textOf(work, n),
    );
    if (wrong >= 0) this.#faults.push(`${jobId}.${attempt}: line ${wrong + 1} is wrong`);
    const least = work?.accepted === undefined ? (work?.acknowledged ?? 0) : work.told;
    if (lines.length < least) {
      this.#faults.push(`${jobId}.${attempt}: ${lines.length} lines of ${least} are there`);
    }
  }

  /** Of an attempt whose end was accepted every output is there. */
  #compareOutputs(jobId: string, attempt: number, stored: readonly string[]): void {
    const work = this.#record.find(jobId, attempt);
    if (work?.accepted === undefined || work.outputs.size === 0) return;
    const missing = [...work.outputs].filter((name) => !stored.includes(name));
    if (missing.length === 0) return;
    this.#faults.push(`${jobId}.${attempt}: its outputs ${missing.join(', ')} are missing`);
  }

  #note(tell: () => string): void {
    this.#events.push({ ms: this.#time.nowMs - this.#options.startMs, tell });
  }
}

/** Ids are made of the time, which is another one for each history: here they are numbers. */
function tellEvents(events: readonly HistoryEvent[]): string[] {
  const known = new Map<string, string>();
  const short = (id: string): string => {
    const name = known.get(id) ?? `#${known.size + 1}`;
    known.set(id, name);
    return name;
  };
  return events.map(({ ms, tell }) =>
    `${(ms / 1000).toFixed(3)} s: ${tell()}`.replaceAll(
      /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g,
      short,
    ),
  );
}
