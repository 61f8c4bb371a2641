// The command that a script is certain to run next: made ready while the one before it runs, it
// begins when that has ended with exit code 0, and is there when the script asks for it.
//
// Nothing is decided here that the script would not decide: the Lua process says what comes next
// only where nothing but a failure of the command under way could change it. What need not be alike
// (another container, limits of its own, files with secrets that are to be written first) is left
// to the call.
import { isDeepStrictEqual } from 'node:util';
import { RivetError } from '@rivet/base';
import type { NextCommand } from '@rivet/containers';
import type { ModuleCall } from '../host-function.ts';
import { lacksSecretFiles } from '../secrets/secret-file.ts';
import type { StageRun } from '../stages/stage-run.ts';
import { type CommandContainer, needsOwn } from './command-container.ts';
import type { CommandRequest } from './command-request.ts';
import { announcement, followIn, type StartedCommand } from './start-command.ts';

/** A command on behalf of a call. */
interface Asked {
  readonly call: ModuleCall;
  readonly request: CommandRequest;
}

/** The command under way, which another may follow. */
interface Current extends Asked {
  readonly place: CommandContainer;
  readonly started: StartedCommand;
}

/** A command that was made ready. */
interface Ready extends Asked {
  readonly place: CommandContainer;
  /** Undefined when it does not begin. Rejects as starting a command does. */
  readonly started: Promise<StartedCommand | undefined>;
  /** It does not begin any more, unless it already has. */
  withdraw(): void;
  /** Resolves when the script has asked for it, or never will: until then nobody hears of it. */
  readonly asked: PromiseWithResolvers<void>;
  readonly announce: () => Promise<void>;
}

export interface RunAhead {
  /** A command of a script runs. */
  running(
    call: ModuleCall,
    request: CommandRequest,
    place: CommandContainer,
    started: StartedCommand,
  ): void;
  /** What the script asks for next, if the command before it succeeds. */
  foreseen(call: ModuleCall, request: CommandRequest): void;
  /**
   * The command of a call, where it was made ready and has begun.
   * @throws as starting it would
   */
  take(call: ModuleCall, request: CommandRequest): Promise<StartedCommand | undefined>;
  /** Another stage is about to run: resolves when nothing that it does can matter here. */
  makeRoom(): Promise<void>;
  /** The stage ends: what has begun is among its running commands then, and nothing else begins. */
  settle(stage: StageRun): Promise<void>;
}

/** @param enabled when false every command begins when it is asked for */
export function createRunAhead(enabled: boolean): RunAhead {
  let current: Current | undefined;
  let foreseen: Asked | undefined;
  let ready: Ready | undefined;

  const prepare = (): void => {
    if (current === undefined || foreseen === undefined || ready !== undefined) return;
    if (!isAfter(foreseen.call, current.call) || !mayFollow(current, foreseen)) return;
    ready = makeReady(current, foreseen);
  };
  const withdrawn = async (): Promise<Ready | undefined> => {
    const withdrawing = ready;
    withdrawing?.withdraw();
    const started = await withdrawing?.started.catch(() => undefined);
    return started === undefined ? undefined : withdrawing;
  };

  return {
    running(call, request, place, started) {
      current = enabled ? { call, request, place, started } : undefined;
      prepare();
    },
    foreseen(call, request) {
      foreseen = { call, request };
      prepare();
    },
    async take(call, request) {
      const taken = ready;
      if (taken === undefined) return undefined;
      ready = undefined;
      if (!isSameCall(taken.call, call) || !isDeepStrictEqual(taken.request, request)) {
        taken.withdraw();
        taken.asked.resolve();
        if ((await taken.started) !== undefined) throw notAsked(taken, request);
        return undefined;
      }
      try {
        const started = await taken.started;
        if (started === undefined) return undefined;
        this.running(call, request, taken.place, started);
        await taken.announce();
        return started;
      } catch (error) {
        await taken.announce();
        throw error;
      } finally {
        taken.asked.resolve();
      }
    },
    async makeRoom() {
      const begun = await withdrawn();
      await begun?.asked.promise;
    },
    async settle(stage) {
      if (current?.call.branch.stage === stage) current = undefined;
      if (ready?.call.branch.stage !== stage) return;
      const begun = await withdrawn();
      ready = undefined;
      begun?.asked.resolve();
    },
  };
}

function isSameCall(one: ModuleCall, other: ModuleCall): boolean {
  return one.branch === other.branch && one.sequence === other.sequence;
}

function isAfter(next: ModuleCall, call: ModuleCall): boolean {
  return next.branch === call.branch && next.sequence === call.sequence + 1;
}

/** Whether the second would certainly run where the first does, and at once. */
function mayFollow({ call, request, place }: Current, next: Asked): boolean {
  const { branch, job } = call;
  const { stage } = branch;
  if (stage.parked || stage.inCondition || branch.signal.aborted) return false;
  // Another stage could change what the script does next.
  if (!job.branches.isAlone(branch)) return false;
  // Too much captured output fails a command that succeeded.
  if (request.detached || request.capture.stdout !== false || request.capture.stderr !== false) {
    return false;
  }
  if (needsOwn(request) || needsOwn(next.request)) return false;
  if (lacksSecretFiles(stage, place.container.name) || holdsSecret(next)) return false;
  return isAllowed(next);
}

/** What it begins from lies where the command before it could read it. */
function holdsSecret({ call, request }: Asked): boolean {
  const { argv, env, stdin = [] } = request;
  const shown = { argv, env, stdin: Buffer.from(stdin).toString() };
  return call.job.redactor.value(shown) !== shown;
}

function isAllowed({ call, request }: Asked): boolean {
  try {
    call.branch.stage.policy.checkCommand(request.argv[0] ?? '');
    return true;
  } catch {
    // The call itself says why.
    return false;
  }
}

/** What a command that does not begin ends its start with. */
const NOT_BEGUN = new Error('a command that was made ready does not begin');

function makeReady({ place, started: before }: Current, { call, request }: Asked): Ready {
  const asked = Promise.withResolvers<void>();
  const announce = announcement(call, request);
  let next: NextCommand | undefined;
  let withdrawn = false;
  const started = followIn(call, request, place, async (command, sink) => {
    next = await before.running.prepareNext(command, async (stream, bytes) => {
      await asked.promise;
      await announce();
      await sink(stream, bytes);
    });
    if (withdrawn) next?.withdraw();
    const running = await next?.begun;
    if (running === undefined) throw NOT_BEGUN;
    return running;
  }).catch((error: unknown) => {
    if (error === NOT_BEGUN) return undefined;
    throw error;
  });
  // Whoever asks for the command hears of it.
  started.catch(() => {});
  const withdraw = (): void => {
    withdrawn = true;
    next?.withdraw();
  };
  return { call, request, place, started, withdraw, asked, announce };
}

function notAsked({ request }: Ready, instead: CommandRequest): RivetError {
  return RivetError.of('RIVET_INTERNAL', {
    reason: `the command ${request.shown} had begun before the script ran ${instead.shown} in its place`,
  });
}
