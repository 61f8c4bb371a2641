// The status file of a command: what its agent says about it, in lines. The container can write
// anything there.
import type { OutputFile } from './command-files.ts';

const STATUS_BYTES_MAX = 4_096;
const buffer = Buffer.alloc(STATUS_BYTES_MAX);

/** What a status file says so far. */
export interface Status {
  readonly taken: boolean;
  /** The process that waits in a slot to become the command. */
  readonly waitingPid: number | undefined;
  readonly pid: number | undefined;
  /** The process that waits for the command. */
  readonly supervisor: number | undefined;
  readonly failed: string | undefined;
  /** Undefined also where it says before that the command is lost. */
  readonly exitCode: number | undefined;
  /** The slot that was told to begin as this command ended with exit code 0. */
  readonly next: string | undefined;
  readonly lost: boolean;
  /** Whether it says that a process was refused before anything of the command ran. */
  readonly refused: boolean;
  /** Whether it says that something waited in a slot, how that ended, and nothing else at all. */
  readonly onlyWaited: boolean;
}

export function readStatus(file: Pick<OutputFile, 'read'>): Status {
  const length = file.read(buffer, 0);
  const status = parseStatus(buffer.toString('latin1', 0, length));
  // So much was not said by the agent, whose next word would not be seen.
  return length < STATUS_BYTES_MAX ? status : { ...status, lost: true, onlyWaited: false };
}

/** Reads the lines that are complete and known. */
export function parseStatus(text: string): Status {
  const [, waitingPid, waiting] = /^waiting (\d{1,10}) (\d{1,10})\n/m.exec(text) ?? [];
  const [, pid, started] = /^started (\d{1,10}) (\d{1,10})\n/m.exec(text) ?? [];
  const [, failed] = /^failed (cwd|not-found|not-executable)\n/m.exec(text) ?? [];
  const lostAt = text.search(/^lost\n/m);
  const said = lostAt === -1 ? text : text.slice(0, lostAt);
  const [, exitCode] = /^exit (\d{1,3})\n/m.exec(said) ?? [];
  const [, next] = /^next ([A-Za-z0-9_.-]{1,100})\nexit 0\n/m.exec(said) ?? [];
  return {
    taken: /^taken\n/m.test(text),
    waitingPid: number(waitingPid),
    pid: number(pid),
    supervisor: number(started ?? waiting),
    failed,
    exitCode: exitCode === undefined ? undefined : Math.min(Number(exitCode), 255),
    next,
    lost: lostAt !== -1,
    refused: /^(?:taken\n)?lost\n/.test(text),
    onlyWaited: /^waiting \d{1,10} \d{1,10}\n(?:\n|lost\n|exit \d{1,3}\n)*$/.test(text),
  };
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}
