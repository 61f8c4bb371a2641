// What begins in a container without processes when a command has ended with exit code 0.
import type {
  CommandExit,
  CommandSpec,
  NextCommand,
  OutputSink,
  RunningCommand,
} from '../driver.ts';

type Run = (command: CommandSpec, sink: OutputSink) => Promise<RunningCommand>;

interface Prepared {
  readonly command: CommandSpec;
  readonly sink: OutputSink;
}

export class FakeSuccessor {
  readonly #run: Run;
  readonly #begun = Promise.withResolvers<RunningCommand | undefined>();
  #prepared: Prepared | undefined;
  #settled: Promise<boolean> | undefined;
  /** Whether nothing can be made ready any more, and what was does not begin. */
  #isWithdrawn = false;

  constructor(run: Run) {
    this.#run = run;
  }

  /** See `RunningCommand.prepareNext`. */
  prepare(command: CommandSpec, sink: OutputSink): NextCommand | undefined {
    if (this.#isWithdrawn || this.#prepared !== undefined) return undefined;
    this.#prepared = { command, sink };
    return { begun: this.#begun.promise, withdraw: () => this.withdraw() };
  }

  withdraw(): void {
    this.#isWithdrawn = true;
    if (this.#settled === undefined) this.#begun.resolve(undefined);
  }

  /**
   * To be called when the command before it has ended: whether it begins. Never rejects. Several
   * may follow the command before, one after the other.
   */
  settle(ended: Promise<CommandExit>): Promise<boolean> {
    const prepared = this.#isWithdrawn ? undefined : this.#prepared;
    this.#isWithdrawn = true;
    this.#settled ??= this.#settle(ended, prepared);
    return this.#settled;
  }

  async #settle(ended: Promise<CommandExit>, prepared: Prepared | undefined): Promise<boolean> {
    const code = await ended.then(({ exitCode }) => exitCode).catch(() => undefined);
    const begins = prepared !== undefined && code === 0;
    this.#begun.resolve(begins ? await this.#begin(prepared) : undefined);
    return begins;
  }

  /** What cannot start says so by its exit. */
  async #begin({ command, sink }: Prepared): Promise<RunningCommand> {
    try {
      return await this.#run(command, sink);
    } catch (error) {
      const exit = Promise.reject(error);
      exit.catch(() => undefined);
      return {
        id: command.id,
        pid: undefined,
        exit,
        signal: async () => undefined,
        forget: () => undefined,
        prepareNext: async () => undefined,
      };
    }
  }
}
