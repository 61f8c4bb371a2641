// Goes on with a command that another process of the runner started, or made ready.
import { isRivetError } from '@rivet/base';
import type { CommandHost } from './command-end.ts';
import type { CommandFiles } from './command-files.ts';
import { type Asked, CommandFollower, SLOT_LOST, type Successor } from './command-follower.ts';
import type { CommandRecord } from './command-record.ts';
import type { TakenSlot } from './command-slots.ts';
import type { ControlDirectory } from './control-directory.ts';
import type { Attachment, CommandSpec, OutputSink } from './driver.ts';
import { digestOf } from './prepared-command.ts';
import { AgentCommand, checkedCommand } from './running-command.ts';
import { readStatus } from './status-file.ts';

/** See `Container.attach`. */
export async function attachCommand(
  host: CommandHost,
  control: ControlDirectory,
  command: CommandSpec,
  sink: OutputSink,
): Promise<Attachment> {
  const asked = checkedCommand(host, control, command, sink);
  const record = control.readRecord(command.id);
  if (record === undefined) return 'not-started';
  const files = control.reopenFiles(record);
  if (files === undefined) return 'unknown';
  const { prepared } = record;
  // It was told, if at all, when the one before it had ended.
  const agoMs = prepared === undefined ? Math.max(0, Date.now() - record.askedAtMs) : 0;
  const inSlot = record.fifo === null ? undefined : NOBODYS_SLOT;
  const follower = new CommandFollower(asked, files, inSlot, performance.now() - agoMs);
  try {
    if (prepared !== undefined && prepared.digest !== digestOf(asked)) {
      if (!(await isAbandoned(asked, files))) return 'unknown';
      follower.drop();
      return 'not-started';
    }
    if (!(await isAsked(asked, record, files))) {
      follower.drop();
      return 'not-started';
    }
  } catch (error) {
    if (isRivetError(error, 'RIVET_CONTAINER_AGENT_SILENT')) return 'unknown';
    throw error;
  }
  const left = await control.preparedAfter(files.name);
  if (left.length > 0) follower.followedBy(leftSuccessor(control, files.name, left));
  follower.expectHeldBack();
  follower.follow();
  try {
    await follower.started;
    return new AgentCommand(asked, follower);
  } catch (error) {
    if (error === SLOT_LOST) return 'not-started';
    throw error;
  }
}

/**
 * Makes sure that a command is under way for which a record was written. A slot takes its name
 * twice, as it has become the command by then; a request without a slot would run twice.
 */
async function isAsked(
  { host, control, command, request }: Asked,
  record: CommandRecord,
  files: CommandFiles,
): Promise<boolean> {
  const { pid, failed, exitCode, taken } = readStatus(files.status);
  if ((pid ?? failed ?? exitCode) !== undefined || taken) return true;
  if (record.fifo !== null) {
    control.rewriteRequest(files.name, request, command.stdin);
    return control.tellSlot(record.fifo, files.name);
  }
  await control.caughtUp(host.name);
  return readStatus(files.status).taken;
}

/** In place of the slot of a command that another process started. */
const NOBODYS_SLOT: Pick<TakenSlot, 'begun'> = { begun: () => undefined };

/**
 * Makes sure that what was made ready under the id of another command never begins: the script went
 * on otherwise. False when it may have begun.
 */
async function isAbandoned({ host, control }: Asked, files: CommandFiles): Promise<boolean> {
  const { waitingPid, onlyWaited } = readStatus(files.status);
  if (!onlyWaited) return false;
  await control.send(`signal ${waitingPid} KILL`);
  await control.caughtUp(host.name);
  // It says so before it becomes the program, and it says nothing any more.
  return readStatus(files.status).onlyWaited;
}

/**
 * What a process before this one made ready to begin after the command with the files `name`. It
 * begins when it is attached to; where it never will be, its slot is ended.
 */
function leftSuccessor(control: ControlDirectory, name: string, ids: readonly string[]): Successor {
  return {
    // It was when the container was taken over.
    withdraw: () => undefined,
    settle(end) {
      if (end === undefined) return false;
      control.dropNext(name);
      if (end.exitCode !== 0) for (const id of ids) dropPrepared(control, id);
      return false;
    },
  };
}

/** Ends a slot that nobody has told to begin, and nobody will. */
function dropPrepared(control: ControlDirectory, id: string): void {
  const record = control.readRecord(id);
  if (record === undefined) return;
  const files = control.reopenFiles(record);
  if (files !== undefined) {
    const { waitingPid, onlyWaited } = readStatus(files.status);
    if (onlyWaited) control.trySend(`signal ${waitingPid} KILL`);
    control.dropFiles(files);
  }
  control.dropRequest(record.name, true);
  control.dropRecord(id);
}
