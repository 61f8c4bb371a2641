// One history: a few jobs, two runners, a network that loses, repeats, reorders and delays, a
// database whose answers get lost, programs that die. The seed decides all of it.
import { createRandom, type Random } from '@rivet/base';
import type { Database } from '@rivet/store';
import type { Mutation } from './mutations.ts';
import { type Answer, type Message, SimulatedRunner, type Work } from './runner.ts';
import { RETRIES, SimulatedServer } from './server.ts';

const STEPS = 45;
/** Until everything must have ended once nothing breaks any more: rounds of a few seconds. */
const CALM_ROUNDS = 200;
/** Claims that nobody heard of count against no rule. */
const RETURNS = 6;

/**
 * What a history is like: one in so many. Histories that differ in what is frequent find more than
 * all of the same kind (swarm testing, Groce et al. 2012).
 */
interface Style {
  readonly crash: number;
  readonly restart: number;
  readonly lose: number;
  readonly repeat: number;
  readonly databaseFault: number;
  readonly cancel: number;
  /** Milliseconds that pass at once at most. */
  readonly stride: number;
}

function chooseStyle(random: Random): Style {
  return {
    crash: random.pick([2, 3, 8, 1000]),
    restart: random.pick([2, 12]),
    lose: random.pick([3, 6, 1000]),
    repeat: random.pick([2, 4, 1000]),
    databaseFault: random.pick([4, 12, 1000, 1000]),
    cancel: random.pick([3, 1000]),
    stride: random.pick([1000, 6000, 12_000]),
  };
}

/** What went wrong in the history of `seed`: sentences. */
export async function runHistory(
  database: Database,
  seed: number,
  mutation: Mutation = { name: 'none' },
): Promise<string[]> {
  const server = await SimulatedServer.start(database, mutation);
  try {
    const history = new History(server, createRandom(seed), mutation);
    return await history.run();
  } finally {
    await server.close();
  }
}

class History {
  readonly #server: SimulatedServer;
  readonly #random: Random;
  readonly #mutation: Mutation;
  readonly #style: Style;
  readonly #runners: SimulatedRunner[] = [];
  readonly #faults: string[] = [];
  readonly #launched: string[] = [];
  /** State and attempt of the jobs that had ended when they were looked at. */
  readonly #ended = new Map<string, string>();
  #requests: Message[] = [];
  #answers: Answer[] = [];
  /** What happened, to be read when something went wrong. */
  readonly #events: string[] = [];
  #nowMs = 0;

  constructor(server: SimulatedServer, random: Random, mutation: Mutation) {
    this.#server = server;
    this.#random = random;
    this.#mutation = mutation;
    this.#style = chooseStyle(random);
  }

  async run(): Promise<string[]> {
    const world = {
      server: this.#server,
      random: this.#random,
      now: () => this.#nowMs,
      send: (message: Message) => void this.#requests.push(message),
      fault: (text: string) => void this.#faults.push(text),
    };
    for (const name of ['one', 'two']) {
      const id = await this.#server.addRunner(name);
      this.#runners.push(new SimulatedRunner(name, id, world, this.#mutation));
    }
    const jobs = this.#random.between(1, 3);
    for (let n = 0; n < jobs; n += 1) this.#launched.push(await this.#server.launch());
    this.#server.fate = () => this.#chooseFate();
    for (let step = 0; step < STEPS && this.#faults.length === 0; step += 1) await this.#step();
    this.#server.fate = () => 'done';
    await this.#look();
    await this.#calm();
    await this.#look();
    await this.#compare();
    if (this.#faults.length === 0) return [];
    return [...this.#faults, `what happened:\n${this.#events.join('\n')}`];
  }

  #note(text: string): void {
    this.#events.push(`${(this.#nowMs / 1000).toFixed(1)} s: ${text}`);
  }

  #chooseFate(): 'done' | 'not done' | 'done, and nobody learns of it' {
    if (!this.#random.once(this.#style.databaseFault)) return 'done';
    return this.#random.once(2) ? 'not done' : 'done, and nobody learns of it';
  }

  async #step(): Promise<void> {
    const random = this.#random;
    for (const runner of this.#runners) {
      if (!runner.up && random.once(this.#style.restart)) {
        this.#note(`${runner.name} starts`);
        runner.start();
      }
      runner.step();
    }
    switch (random.below(10)) {
      case 0:
        return await this.#advance(random.between(100, this.#style.stride));
      case 1:
        return await this.#duty();
      case 2: {
        const runner = random.pick(this.#runners);
        if (!runner.up || !random.once(this.#style.crash)) return;
        this.#note(`${runner.name} dies`);
        runner.crash();
        return;
      }
      case 3:
        if (!random.once(this.#style.cancel)) return;
        return await this.#server.cancel(random.pick(this.#launched)).catch(() => undefined);
      default:
        return await this.#network();
    }
  }

  /** Delivers, loses, repeats or holds back one of the messages that are under way. */
  async #network(): Promise<void> {
    const random = this.#random;
    if (this.#answers.length > 0 && random.once(2)) {
      const answer = take(this.#answers, random.below(this.#answers.length));
      if (random.once(this.#style.lose)) {
        // The server may notice that nobody took its answer, or think that it arrived.
        const noticed = random.once(2);
        this.#note(`the answer is lost, ${noticed ? '' : 'un'}noticed: ${answer.what}`);
        if (noticed) await answer.lost().catch(() => undefined);
        return;
      }
      this.#note(`the answer arrives: ${answer.what}`);
      answer.take();
      this.#checkHolders();
      return;
    }
    if (this.#requests.length === 0) return;
    const request = take(this.#requests, random.below(this.#requests.length));
    if (random.once(this.#style.lose)) {
      this.#note(`the request is lost: ${request.what}`);
      return;
    }
    this.#note(`the request arrives: ${request.what}`);
    this.#answers.push(await request.deliver());
    if (random.once(this.#style.repeat)) this.#requests.push(request);
  }

  async #advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    await this.#server.advance(ms);
  }

  /** A lease that its runner believes in must not have run out. */
  async #duty(): Promise<void> {
    this.#note('leases that are over end');
    const before = new Set(this.#held());
    // Where it broke off, some may have ended all the same.
    const ended = await this.#server.expireLeases().catch(() => 1);
    if (ended === 0 || before.size === 0) return;
    for (const job of await this.#server.stands()) {
      for (const { attempt, result, message } of job.attempts) {
        const early = result === 'lost' && message?.includes('until its lease ran out') === true;
        if (early && before.has(`${job.id}.${attempt}`)) {
          this.#faults.push(`attempt ${attempt} of ${job.id} was lost while its lease was valid`);
        }
      }
    }
  }

  #held(): string[] {
    return this.#runners.flatMap((runner) =>
      runner.all
        .filter((work) => runner.works(work))
        .map(({ jobId, attempt }) => `${jobId}.${attempt}`),
    );
  }

  #checkHolders(): void {
    for (const id of this.#launched) {
      const holders = this.#runners.filter((runner) => runner.holds(id));
      if (holders.length > 1) this.#faults.push(`two runners hold ${id}`);
    }
  }

  /** What has ended stays as it is. */
  async #look(): Promise<void> {
    for (const { id, state, reason, attempt } of await this.#server.stands()) {
      const stand = `${state} (${reason}) in attempt ${attempt}`;
      const ended = this.#ended.get(id);
      if (ended !== undefined && ended !== stand) {
        this.#faults.push(`${id} was ${ended} and became ${stand}`);
      }
      if (state !== 'queued' && state !== 'running') this.#ended.set(id, stand);
    }
  }

  /** Nothing breaks any more: everything must come to its end. */
  async #calm(): Promise<void> {
    for (const runner of this.#runners) runner.start();
    for (let round = 0; round < CALM_ROUNDS && this.#faults.length === 0; round += 1) {
      for (const runner of this.#runners) runner.step();
      for (const request of this.#requests.splice(0)) {
        (await request.deliver()).take();
        this.#checkHolders();
      }
      for (const { take: answer } of this.#answers.splice(0)) answer();
      const stands = await this.#server.stands();
      if (stands.every(({ state }) => state !== 'queued' && state !== 'running')) return;
      await this.#advance(3000);
      await this.#duty();
    }
    if (this.#faults.length === 0) this.#faults.push('not everything came to its end');
  }

  async #compare(): Promise<void> {
    const stands = await this.#server.stands();
    if (stands.length !== this.#launched.length) this.#faults.push('a launched job is missing');
    const works = this.#runners.flatMap(({ all }) => all);
    for (const stand of stands) {
      const numbers = stand.attempts.map(({ attempt }) => attempt).sort((a, b) => a - b);
      if (numbers.some((n, index) => n !== index + 1) || numbers.length !== stand.attempt) {
        this.#faults.push(`${stand.id} has the attempts ${numbers.join(', ')}`);
      }
      const spent = stand.attempts.filter(({ result }) => result !== 'returned').length;
      if (spent > RETRIES + 1) this.#faults.push(`${stand.id} was tried ${spent} times`);
      const returned = stand.attempts.length - spent;
      if (returned > STEPS * RETURNS) this.#faults.push(`${stand.id} came back ${returned} times`);
      for (const { attempt, result } of stand.attempts) {
        const work = works.find((w) => w.jobId === stand.id && w.attempt === attempt);
        await this.#compareLog(stand.id, attempt, work);
        if (work?.accepted === true && result !== work.outcome?.state) {
          this.#faults.push(
            `${stand.id}: ${work.outcome?.state} was accepted, and it is ${result}`,
          );
        }
      }
    }
  }

  /** What is stored is what was printed, from the first line on; what was acknowledged is there. */
  async #compareLog(jobId: string, attempt: number, work: Work | undefined): Promise<void> {
    const lines = await this.#server.lines(jobId, attempt);
    const printed = work?.printed ?? [];
    const wrong = lines.findIndex(
      ({ n, text }, index) => n !== index + 1 || text !== printed[index],
    );
    if (wrong >= 0) this.#faults.push(`${jobId}.${attempt}: line ${wrong + 1} is wrong`);
    const least = work?.accepted === true ? printed.length : (work?.storedLines ?? 0);
    if (lines.length < least) {
      this.#faults.push(`${jobId}.${attempt}: ${lines.length} lines of ${least} are there`);
    }
  }
}

function take<T>(items: T[], index: number): T {
  const [item] = items.splice(index, 1);
  if (item === undefined) throw new Error('there is no such item');
  return item;
}
