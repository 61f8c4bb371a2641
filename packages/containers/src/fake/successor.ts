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
  }

  /** To be called when the command before it has ended; never rejects. */
  async settle(ended: Promise<CommandExit>): Promise<void> {
    const prepared = this.#isWithdrawn ? undefined : this.#prepared;
    this.withdraw();
    const code = await ended.then(({ exitCode }) => exitCode).catch(() => undefined);
    if (prepared === undefined || code !== 0) this.#begun.resolve(undefined);
    else this.#begun.resolve(await this.#begin(prepared));
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
