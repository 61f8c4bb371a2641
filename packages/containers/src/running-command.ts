// Starts commands through the agent of a container.
import { type CommandHost, checkSignal } from './command-end.ts';
import { printfMark } from './command-files.ts';
import { type Asked, CommandFollower, SLOT_LOST } from './command-follower.ts';
import type { TakenSlot } from './command-slots.ts';
import type { ControlDirectory } from './control-directory.ts';
import type {
  CommandExit,
  CommandSpec,
  NextCommand,
  OutputSink,
  RunningCommand,
} from './driver.ts';
import { prepareAfter } from './prepared-command.ts';
import { checkCommand, writeRequest } from './request.ts';

/**
 * When the slot of a command is told once more that was not heard of, in milliseconds: whatever
 * said that it was told may have died before it did so.
 */
const TELL_AGAIN_MS = 50;

/** Starts a command through the agent; resolves when it runs, or ended at once. */
export async function runCommand(
  host: CommandHost,
  control: ControlDirectory,
  command: CommandSpec,
  sink: OutputSink,
): Promise<RunningCommand> {
  return await run(checkedCommand(host, control, command, sink));
}

/** @throws RIVET_CONTAINER_COMMAND_INVALID, RIVET_CONTAINER_ARGUMENTS_TOO_LONG */
export function checkedCommand(
  host: CommandHost,
  control: ControlDirectory,
  command: CommandSpec,
  sink: OutputSink,
): Asked {
  checkCommand(command, host.env);
  return { host, control, command, request: writeRequest(command, host.env), sink };
}

async function run(asked: Asked): Promise<RunningCommand> {
  const { control, command, request } = asked;
  const slot = await control.takeSlot();
  if (slot !== undefined) {
    const started = await startIn(slot, asked);
    if (started !== undefined) return started;
  }
  const files = control.makeFiles(command.id);
  const follower = new CommandFollower(asked, files);
  try {
    if (command.keep === true) control.keepRecord(command.id, files, null);
    control.writeRequest(files.name, request, command.stdin);
    await control.send(`run ${files.name} ${printfMark(files.mark)}`);
  } catch (error) {
    follower.drop();
    throw error;
  }
  follower.follow();
  await follower.started;
  return new AgentCommand(asked, follower);
}

/** Starts it in a slot; undefined when the slot is no more and nothing of the command ran. */
async function startIn(slot: TakenSlot, asked: Asked): Promise<RunningCommand | undefined> {
  const { control, command, request } = asked;
  const { files } = slot;
  const follower = new CommandFollower(asked, files, slot);
  try {
    if (command.keep === true) control.keepRecord(command.id, files, slot.fifo);
    control.writeRequest(files.name, request, command.stdin);
    if (!slot.go()) {
      follower.drop();
      return undefined;
    }
  } catch (error) {
    follower.drop();
    throw error;
  }
  follower.follow();
  try {
    await follower.started;
    return new AgentCommand(asked, follower);
  } catch (error) {
    if (error === SLOT_LOST) return undefined;
    throw error;
  }
}

/** A command that the agent started. */
export class AgentCommand implements RunningCommand {
  readonly id: string;
  readonly exit: Promise<CommandExit>;
  readonly #asked: Asked;
  readonly #follower: CommandFollower;

  constructor(asked: Asked, follower: CommandFollower) {
    this.id = asked.command.id;
    this.exit = follower.exit;
    this.#asked = asked;
    this.#follower = follower;
  }

  get pid(): number | undefined {
    return this.#follower.pid;
  }

  signal(name: string): Promise<void> {
    return this.#follower.signal(name);
  }

  forget(): void {
    this.#follower.forget();
  }

  async prepareNext(command: CommandSpec, sink: OutputSink): Promise<NextCommand | undefined> {
    const { host, control } = this.#asked;
    try {
      const next = checkedCommand(host, control, command, sink);
      return await prepareAfter(this.#follower, next, (slot) => begunIn(slot, next));
    } catch {
      // It did not start itself, or `run` says what is wrong with the next one.
      return undefined;
    }
  }
}

/** Follows a command whose slot was told to begin, or is about to be. */
function begunIn(slot: TakenSlot, asked: Asked): RunningCommand {
  const follower = new CommandFollower(asked, slot.files, slot);
  follower.follow();
  const again = setTimeout(() => slot.go(), TELL_AGAIN_MS);
  const begun = (): void => clearTimeout(again);
  follower.started.then(begun, begun);
  const command = new BegunCommand(asked, follower);
  asked.host.begunByItself(command);
  return command;
}

/** A command that begins by itself; where its slot is lost before, it is started like any other. */
class BegunCommand implements RunningCommand {
  readonly id: string;
  readonly exit: Promise<CommandExit>;
  readonly #started: Promise<void>;
  #running: RunningCommand;
  #hasStarted = false;

  constructor(asked: Asked, follower: CommandFollower) {
    this.id = asked.command.id;
    this.#running = new AgentCommand(asked, follower);
    this.#started = this.#start(asked, follower);
    this.exit = this.#started.then(() => this.#running.exit);
    // Whoever does not look at the exit is not to end the program.
    this.exit.catch(() => undefined);
  }

  async #start(asked: Asked, follower: CommandFollower): Promise<void> {
    try {
      await follower.started;
    } catch (error) {
      if (error !== SLOT_LOST) throw error;
      this.#running = await run(asked);
    }
    this.#hasStarted = true;
  }

  get pid(): number | undefined {
    return this.#hasStarted ? this.#running.pid : undefined;
  }

  async signal(name: string): Promise<void> {
    checkSignal(name);
    if (!this.#hasStarted) await this.#started.catch(() => undefined);
    await this.#running.signal(name);
  }

  forget(): void {
    this.#running.forget();
  }

  async prepareNext(command: CommandSpec, sink: OutputSink): Promise<NextCommand | undefined> {
    await this.#started.catch(() => undefined);
    return await this.#running.prepareNext(command, sink);
  }
}
