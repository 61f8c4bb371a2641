// The network of a simulated world: requests and answers are lost, repeated, held back and overtake
// each other, and who sent them may be gone when they arrive.
import {
  formatDuration,
  isRivetError,
  type Random,
  RivetError,
  type SecretText,
} from '@rivet/base';
import { AnswerWay, refusalOf, type SimulatedOrchestrator } from '@rivet/orchestrator/simulation';
import {
  type ClaimedJob,
  type ClaimResponse,
  type ConnectResponse,
  type JobReport,
  type JobReportResult,
  type ReportRequest,
  type ReportResponse,
  type ReportsResponse,
  receivedError,
} from '@rivet/protocol';
import { type CallLimits, hashOfToken, type ServerApi } from '@rivet/runner/simulation';
import type { Database } from '@rivet/store';
import type { Mutation, Route } from './mutations.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedTime } from './simulated-time.ts';

/** How bad it is: one in so many. */
interface NetworkStyle {
  readonly lose: number;
  readonly repeat: number;
  /** Messages that take long. */
  readonly hold: number;
  /** Requests after which their sender dies. */
  readonly fatal: number;
}

/** An orchestrator that may be dead by now. */
export interface Server {
  readonly process: SimulatedProcess;
  readonly orchestrator: SimulatedOrchestrator;
}

export interface NetworkWorld {
  readonly time: SimulatedTime;
  readonly random: Random;
  readonly style: NetworkStyle;
  /** Those that live. */
  servers(): readonly Server[];
  note(tell: () => string): void;
  /** Something that must never happen. */
  fault(text: string): void;
  /** A runner has heard that an attempt is its own, which a server said first at `servedMs`. */
  given(job: ClaimedJob, runner: SimulatedProcess, servedMs: number): void;
  /** A runner has the answer to a report. */
  acknowledged(job: string, report: ReportRequest): void;
  /** A runner was let in: what it did not name is lost. */
  connected(): Promise<void>;
  /** A runner is told that one of its reports is not taken. */
  refused(job: string, report: ReportRequest, code: string): void;
  readonly mistakes: ReturnType<Mutation['make']>;
  /** Of the simulation itself. */
  readonly database: Database;
}

/** A request that its sender waits for. */
interface Pending {
  readonly what: () => string;
  readonly sender: SimulatedProcess;
  readonly ask: (server: SimulatedOrchestrator, way: AnswerWay) => Promise<unknown>;
  /** Undefined when its sender does not wait any more. */
  settle: ((answer: () => unknown) => void) | undefined;
  readonly ways: { readonly way: AnswerWay; readonly server: SimulatedProcess }[];
}

const QUICK_MS = 20;
const HELD_MS = 3000;
const FORGOTTEN_MS = 25_000;
/** Of what waits for a moment: so long after it at most. */
const KEPT_MS = 40;
const URL = 'http://127.0.0.1:7450';

/** When something late does the most harm to a runner, all of which any network may choose. */
type Moment = 'let in' | 'answered' | 'claimed';

export class SimulatedNetwork {
  readonly #world: NetworkWorld;
  #isCalm = false;
  /** Until when a runner reaches nobody, by its name. */
  readonly #cut = new Map<string, number>();
  /** What happens shortly after a moment of a runner, by both. */
  readonly #kept = new Map<string, (() => void)[]>();
  /** Requests whose senders wait. */
  readonly #open = new Set<Pending>();

  constructor(world: NetworkWorld) {
    this.#world = world;
  }

  /** The way of a runner to the servers. */
  apiOf(sender: SimulatedProcess): ServerApi {
    let token: Buffer = Buffer.alloc(0);
    const call = async <T>(
      route: Route,
      body: unknown,
      limits: CallLimits,
      ask: (server: SimulatedOrchestrator, body: never, way: AnswerWay) => Promise<unknown>,
      job?: string,
    ): Promise<T> => {
      const sent = this.#world.mistakes.send?.(route, body) ?? { body };
      const text = JSON.stringify(sent.body);
      const { serve } = this.#world.mistakes;
      const answering = this.#call(
        () => `${sender.name} ${route} ${job ?? ''} ${summaryOf(text)}`,
        sender,
        limits,
        (server, way) => {
          const next = (read: unknown): Promise<unknown> => ask(server, read as never, way);
          const read: unknown = JSON.parse(text);
          if (serve === undefined) return next(read);
          return serve({ route, body: read, job, server, database: this.#world.database }, next);
        },
      ) as Promise<T>;
      if (sent.answer === undefined) return answering;
      answering.catch(() => undefined);
      return sent.answer as T;
    };
    const none = (): Promise<never> => Promise.reject(new Error('nobody asks for this here'));
    return {
      url: URL,
      useToken: (next: SecretText) => {
        token = hashOfToken(next);
      },
      ...{ register: none, changeToken: none, secrets: none, idToken: none },
      connect: async (body, limits) => {
        let servedMs = Number.POSITIVE_INFINITY;
        const answer: ConnectResponse = await call(
          'connect',
          body,
          limits,
          async (server, sent) => {
            const served = await server.connect(token, sent);
            servedMs = Math.min(servedMs, this.#world.time.nowMs);
            await this.#world.connected();
            this.#bring(sender, 'let in');
            return served;
          },
        );
        for (const { job } of answer.held ?? []) this.#world.given(job, sender, servedMs);
        return answer;
      },
      claim: async (body, limits) => {
        let servedMs = Number.POSITIVE_INFINITY;
        const answer: ClaimResponse = await call(
          'claim',
          body,
          limits,
          async (server, sent, way) => {
            const served = await server.claim(token, sent, way);
            servedMs = Math.min(servedMs, this.#world.time.nowMs);
            this.#bring(sender, 'claimed');
            return served;
          },
        );
        for (const job of answer.jobs) this.#world.given(job, sender, servedMs);
        this.#noteReports(body.reports ?? [], answer.reports ?? []);
        return answer;
      },
      report: async (id, body, limits) => {
        const answer = await call<ReportResponse>(
          'report',
          body,
          limits,
          (server, sent) => server.report(token, id, sent),
          id,
        ).catch((error: unknown) => {
          if (isRivetError(error)) this.#world.refused(id, body, error.code);
          throw error;
        });
        this.#world.acknowledged(id, body);
        return answer;
      },
      reports: async (body, limits) => {
        const answer: ReportsResponse = await call('reports', body, limits, (server, sent) =>
          server.reports(token, sent),
        );
        this.#noteReports(body.reports, answer.results);
        return answer;
      },
      renewLeases: (body, limits) =>
        call('leases', body, limits, (server, sent) => server.renewLeases(token, sent)),
      bundle: (id, query, limits) =>
        call('bundle', query, limits, (server, sent) => server.bundle(token, id, sent), id),
    };
  }

  /** Nothing breaks any more. */
  calmDown(): void {
    this.#isCalm = true;
  }

  /** What this runner sends, and what is sent to it, is lost until then. */
  cut(runner: string, untilMs: number): void {
    this.#cut.set(runner, untilMs);
  }

  #loses({ sender }: Pending): boolean {
    if (this.#isCalm) return false;
    const { time, random, style } = this.#world;
    return (this.#cut.get(sender.name) ?? 0) > time.nowMs || random.once(style.lose);
  }

  #noteReports(reports: readonly JobReport[], results: readonly JobReportResult[]): void {
    for (const [index, { job_id: id, ...report }] of reports.entries()) {
      const result = results[index];
      if (result === undefined) continue;
      if ('problem' in result) this.#world.refused(id, report, result.problem.code);
      else this.#world.acknowledged(id, report);
    }
  }

  #call(
    what: Pending['what'],
    sender: SimulatedProcess,
    limits: CallLimits,
    ask: Pending['ask'],
  ): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (!sender.step()) return promise;
    const pending: Pending = { what, sender, ask, settle: undefined, ways: [] };
    const end = (): void => {
      pending.settle = undefined;
      this.#open.delete(pending);
      sender.cancel(late);
      limits.signal.removeEventListener('abort', aborted);
    };
    const leave = (reason: string): void => {
      if (pending.settle === undefined) return;
      end();
      reject(RivetError.of('RIVET_SERVER_UNREACHABLE', { url: URL, reason }));
      this.#closeWays(pending);
    };
    const aborted = (): void => leave('the call was given up');
    const late = sender.after(limits.timeoutMs, () =>
      leave(`no answer within ${formatDuration(limits.timeoutMs)}`),
    );
    limits.signal.addEventListener('abort', aborted, { once: true });
    this.#open.add(pending);
    pending.settle = (answer) => {
      end();
      try {
        resolve(answer());
      } catch (error) {
        reject(error);
      }
    };
    const { random, style, time } = this.#world;
    const isFatal = !this.#isCalm && random.once(style.fatal);
    if (limits.signal.aborted) aborted();
    else this.#send(pending, isFatal);
    if (isFatal) time.after(random.between(1, random.pick([20, 1500])), () => sender.kill());
    return promise;
  }

  /** @param isLast the sender dies soon */
  #send(pending: Pending, isLast: boolean): void {
    const { random, style, note } = this.#world;
    if (this.#loses(pending)) {
      note(() => `the request is lost: ${pending.what()}`);
      // Refused at once, or swallowed.
      if (random.once(2)) this.#refuse(pending, 'the connection was refused');
      return;
    }
    const arrive = (): void => this.#arrive(pending);
    if (isLast && random.once(2)) this.#keep(pending.sender, 'let in', arrive);
    else this.#later(arrive);
    if (!this.#isCalm && random.once(style.repeat)) {
      // Sent again by something between; its answer reaches nobody.
      const repeat = (): void => this.#arrive({ ...pending, settle: undefined });
      if (random.once(2)) this.#keep(pending.sender, 'answered', repeat);
      else this.#later(repeat);
    }
  }

  /** Something that is under way for as long as it takes until it meets another. */
  #keep({ name }: SimulatedProcess, moment: Moment, happen: () => void): void {
    const kept = this.#kept.get(`${name} ${moment}`) ?? [];
    this.#kept.set(`${name} ${moment}`, [...kept, happen]);
  }

  #bring({ name }: SimulatedProcess, moment: Moment): void {
    const { time, random } = this.#world;
    for (const happen of this.#kept.get(`${name} ${moment}`) ?? []) {
      time.after(random.between(1, KEPT_MS), happen);
    }
    this.#kept.delete(`${name} ${moment}`);
  }

  #later(happen: () => void): void {
    const { time, random, style } = this.#world;
    const isHeld = !this.#isCalm && random.once(style.hold);
    // Some come when nobody thinks of them any more: another attempt may run by then.
    const most = isHeld ? random.pick([HELD_MS, HELD_MS, FORGOTTEN_MS]) : QUICK_MS;
    time.after(random.between(1, most), happen);
  }

  #refuse(pending: Pending, reason: string): void {
    const { settle } = pending;
    this.#later(() => {
      if (pending.settle !== settle) return;
      this.#reach(pending, () => {
        throw RivetError.of('RIVET_SERVER_UNREACHABLE', { url: URL, reason });
      });
    });
  }

  #arrive(pending: Pending): void {
    const { random, servers, note } = this.#world;
    const living = servers();
    if (living.length === 0) {
      this.#refuse(pending, 'nobody listens');
      return;
    }
    const { process, orchestrator } = random.pick(living);
    note(() => `${process.name} is asked: ${pending.what()}`);
    const way = new AnswerWay();
    pending.ways.push({ way, server: process });
    process.run(() => {
      pending.ask(orchestrator, way).then(
        (answer) => this.#answer(pending, process, way, answer),
        (error) => this.#answerRefusal(pending, process, way, error),
      );
    });
  }

  /** Its connections are cut, as far as that is noticed. */
  serverDied(server: SimulatedProcess): void {
    for (const pending of this.#open) {
      if (!pending.sender.isAlive) this.#open.delete(pending);
      if (pending.ways.at(-1)?.server !== server || this.#world.random.once(2)) continue;
      this.#refuse(pending, 'the connection was cut');
    }
  }

  #answerRefusal(pending: Pending, server: SimulatedProcess, way: AnswerWay, error: unknown): void {
    try {
      const problem = JSON.parse(JSON.stringify(refusalOf(error)));
      this.#sendBack(
        pending,
        server,
        way,
        () => `${problem.code}`,
        () => {
          throw receivedError(problem);
        },
      );
    } catch (defect) {
      this.#world.fault(`the server broke: ${defect instanceof Error ? defect.stack : defect}`);
    }
  }

  #answer(pending: Pending, server: SimulatedProcess, way: AnswerWay, answer: unknown): void {
    const text = JSON.stringify(answer) ?? 'null';
    this.#sendBack(
      pending,
      server,
      way,
      () => summaryOf(text),
      () => JSON.parse(text),
    );
  }

  #sendBack(
    pending: Pending,
    server: SimulatedProcess,
    way: AnswerWay,
    what: () => string,
    answer: () => unknown,
  ): void {
    const { random, note } = this.#world;
    // Written to a connection that is gone: `close` has come, or comes now.
    if (!server.step() || way.destroyed) return;
    if (this.#loses(pending)) {
      const noticed = random.once(2);
      note(() => `the answer is lost, ${noticed ? '' : 'un'}noticed: ${pending.what()}: ${what()}`);
      const close = (): void => void (server.isAlive && server.run(() => way.break()));
      if (!noticed) server.run(() => way.finish());
      else if (random.once(2)) this.#keep(pending.sender, 'claimed', close);
      else close();
      if (random.once(2)) this.#refuse(pending, 'the connection was reset');
      return;
    }
    server.run(() => way.finish());
    this.#later(() => {
      note(() => `answered: ${pending.what()}: ${what()}`);
      this.#reach(pending, answer);
    });
  }

  /** It arrives, when whoever asked still lives and waits. */
  #reach(pending: Pending, answer: () => unknown): void {
    if (!pending.sender.step()) return;
    pending.sender.run(() => pending.settle?.(answer));
    if (this.#world.random.once(2)) this.#bring(pending.sender, 'answered');
  }

  /** Nobody waits any more; the servers hear of that now, later, or never. */
  #closeWays(pending: Pending): void {
    for (const { way, server } of pending.ways) {
      if (this.#world.random.once(3)) continue;
      this.#later(() => {
        if (server.isAlive) server.run(() => way.break());
      });
    }
  }
}

/** What a message of JSON says, for whoever reads the history of a failure. */
function summaryOf(text: string): string {
  const message: unknown = JSON.parse(text);
  if (typeof message !== 'object' || message === null) return String(message);
  const { lease_id: _, bundle: __, ...rest } = message as Record<string, unknown>;
  return JSON.stringify(rest, (key, value) =>
    ['definition', 'bundle', 'data', 'version', 'tags', 'created_at', 'journal_key'].includes(key)
      ? undefined
      : value,
  );
}
