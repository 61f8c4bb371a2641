// Which command is made ready before the script asks for it, and what becomes of it.
import type { CommandExit, CommandSpec, OutputSink, RunningCommand } from '@rivet/containers';
import { asRecord, type LuaValue } from '@rivet/lua';
import { splitText } from '@rivet/protocol';
import { describe, expect, it } from 'vitest';
import { createBranches } from '../branch.ts';
import type { BranchContainers } from '../containers/branch-containers.ts';
import type { ModuleCall } from '../host-function.ts';
import type { JobContext } from '../job-context.ts';
import { createLogWriter } from '../log/log-writer.ts';
import { moduleCallOf } from '../module-call.ts';
import { stagePolicy } from '../policy/policy.ts';
import { createRedactor } from '../redaction/redactor.ts';
import { createStageRun } from '../stages/stage-run.ts';
import type { CommandContainer } from './command-container.ts';
import { type CommandRequest, commandRequest } from './command-request.ts';
import { createRunAhead } from './run-ahead.ts';
import { followIn, type StartedCommand } from './start-command.ts';

/** A command of a container whose end the test decides. */
function fakeCommand(id: string, sink: OutputSink = () => {}) {
  const exit = Promise.withResolvers<CommandExit>();
  const begun = Promise.withResolvers<RunningCommand | undefined>();
  const prepared: { command: CommandSpec; sink: OutputSink }[] = [];
  let withdrawn = 0;
  const running: RunningCommand = {
    id,
    pid: 1,
    exit: exit.promise,
    signal: async () => {},
    forget: () => {},
    async prepareNext(command, nextSink) {
      prepared.push({ command, sink: nextSink });
      return {
        begun: begun.promise,
        withdraw() {
          withdrawn += 1;
          begun.resolve(undefined);
        },
      };
    },
  };
  return {
    running,
    prepared,
    sink,
    begun,
    get withdrawn() {
      return withdrawn;
    },
    end: (exitCode = 0) =>
      exit.resolve({ exitCode, signal: undefined, cause: undefined, durationMs: 1 }),
  };
}

const place = {
  container: { name: 'c' },
  endsWith: 'c',
  release: async () => {},
} as unknown as CommandContainer;

function openJob({ enabled = true, policy = {} } = {}) {
  const lines: string[] = [];
  const log = createLogWriter({
    bytesMax: 1e9,
    lines: ({ text }) => void lines.push(...splitText(text)),
    onFailure: () => {},
  });
  const ahead = createRunAhead(enabled);
  const branches = createBranches();
  const redactor = createRedactor();
  redactor.add('hidden-value', 'a secret');
  const job = {
    ahead,
    branches,
    log,
    redactor,
    host: { limits: { killGraceMs: 1 } },
  } as unknown as JobContext;
  const stage = createStageRun('s', 1, stagePolicy({}, policy, undefined));
  const branch = branches.open('1-1', stage, {} as BranchContainers);
  const callOf = (sequence: number): ModuleCall =>
    moduleCallOf(
      job,
      branch,
      { branch: '1-1', sequence, name: 'process.run', args: [], position: undefined },
      { begunAtMs: undefined, onRecorded: [] },
    );
  /** Runs the first command of the script. */
  const first = async (
    request: CommandRequest = requestOf('first'),
  ): Promise<ReturnType<typeof fakeCommand> & { started: StartedCommand }> => {
    branch.sequence = 1;
    const command = fakeCommand('1-1-1');
    const started = await followIn(callOf(1), request, place, async () => command.running);
    ahead.running(callOf(1), request, place, started);
    return Object.assign(command, { started });
  };
  return { ahead, branch, branches, callOf, first, job, lines, stage };
}

function requestOf(program: string, options: Record<string, LuaValue> = {}): CommandRequest {
  return commandRequest('process.run', [program], asRecord(options) ?? {}, { check: false });
}

const turns = async (): Promise<void> => {
  for (let count = 0; count < 20; count += 1) await Promise.resolve();
};

describe('the command that comes next', () => {
  it('is made ready while the one before it runs, whichever is known first', async () => {
    for (const early of [true, false]) {
      const { ahead, callOf, first } = openJob();
      if (early) ahead.foreseen(callOf(2), requestOf('second'));
      const command = await first();
      if (!early) ahead.foreseen(callOf(2), requestOf('second'));
      expect(command.prepared.map((each) => each.command)).toMatchObject([
        { id: '1-1-2', argv: ['second'], keep: true, env: { RIVET_STAGE: 's' } },
      ]);
    }
  });

  it('is handed over when the script asks, with what it printed meanwhile', async () => {
    const { ahead, branch, callOf, first, lines, stage } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    const next = fakeCommand('1-1-2');
    command.begun.resolve(next.running);
    command.end();
    await turns();
    expect(stage.running.size).toBe(1);
    const printed = command.prepared[0]!.sink('stdout', Buffer.from('hello\n'));
    await turns();
    expect(lines).toEqual([]);
    branch.sequence = 2;
    const taken = await ahead.take(callOf(2), requestOf('second'));
    expect(taken?.running).toBe(next.running);
    await printed;
    expect(lines).toEqual(['$ second', 'hello']);
    // And another one may follow it.
    ahead.foreseen(callOf(3), requestOf('third'));
    expect(next.prepared.map((each) => each.command.argv)).toEqual([['third']]);
  });

  it('is started as ever when it did not begin', async () => {
    const { ahead, callOf, first, lines } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    command.begun.resolve(undefined);
    command.end(1);
    expect(await ahead.take(callOf(2), requestOf('second'))).toBeUndefined();
    expect(lines).toEqual([]);
  });

  it('fails the call where it cannot be started', async () => {
    const { ahead, callOf, first } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    command.begun.reject(new Error('no such directory'));
    await expect(ahead.take(callOf(2), requestOf('second'))).rejects.toThrow('no such directory');
  });

  it('is never run in the place of another', async () => {
    const { ahead, callOf, first } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    expect(await ahead.take(callOf(2), requestOf('other'))).toBeUndefined();
    expect(command.withdrawn).toBe(1);
    const begun = openJob();
    const before = await begun.first();
    begun.ahead.foreseen(begun.callOf(2), requestOf('second'));
    before.begun.resolve(fakeCommand('1-1-2').running);
    await expect(begun.ahead.take(begun.callOf(2), requestOf('other'))).rejects.toMatchObject({
      code: 'RIVET_INTERNAL',
    });
  });
});

describe('no command is made ready', () => {
  const cases: Record<string, (job: ReturnType<typeof openJob>) => Promise<unknown>> = {
    'when it was turned off': async () => {
      const { ahead, callOf, first } = openJob({ enabled: false });
      const command = await first();
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'for another call than the one after it': async ({ ahead, callOf, first }) => {
      const command = await first();
      ahead.foreseen(callOf(3), requestOf('third'));
      return command;
    },
    'beside another branch': async ({ ahead, branches, callOf, first, stage }) => {
      const command = await first();
      branches.open('2-1', stage, {} as BranchContainers);
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'in a condition': async ({ ahead, callOf, first, stage }) => {
      stage.inCondition = true;
      const command = await first();
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'in a stage that is being stopped': async ({ ahead, callOf, first, stage }) => {
      const command = await first();
      stage.stop(new Error('canceled') as never);
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'after one whose output is captured': async ({ ahead, callOf, first }) => {
      const command = await first(requestOf('first', { capture_stdout: true }));
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'after one with limits of its own': async ({ ahead, callOf, first }) => {
      const command = await first({ ...requestOf('first'), limits: { pids: 5 } });
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'where it has limits of its own': async ({ ahead, callOf, first }) => {
      const command = await first();
      ahead.foreseen(callOf(2), { ...requestOf('second'), readonly: true });
      return command;
    },
    'where a file with a secret is to be written first': async ({
      ahead,
      callOf,
      first,
      stage,
    }) => {
      stage.secretFiles.push({ everywhere: true, containers: new Map() } as never);
      const command = await first();
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
    'that is given a secret': async ({ ahead, callOf, first }) => {
      const command = await first();
      ahead.foreseen(callOf(2), requestOf('second', { env: { T: 'is hidden-value' } }));
      ahead.foreseen(callOf(2), requestOf('second', { stdin: 'hidden-value' }));
      return command;
    },
    'that a policy refuses': async () => {
      const { ahead, callOf, first } = openJob({ policy: { process: { deny: ['second'] } } });
      const command = await first();
      ahead.foreseen(callOf(2), requestOf('second'));
      return command;
    },
  };
  it.each(Object.keys(cases))('%s', async (name) => {
    const command = (await cases[name]!(openJob())) as ReturnType<typeof fakeCommand>;
    await turns();
    expect(command.prepared).toEqual([]);
  });
});

describe('the end of a stage', () => {
  it('withdraws what has not begun', async () => {
    const { ahead, callOf, first, stage } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    await ahead.settle(stage);
    expect(command.withdrawn).toBe(1);
    expect(await ahead.take(callOf(2), requestOf('second'))).toBeUndefined();
  });

  it('withdraws also what is just being made ready', async () => {
    const { ahead, callOf, first, stage } = openJob();
    const command = await first();
    const slow = Promise.withResolvers<void>();
    const { prepareNext } = command.running;
    command.running.prepareNext = async (...asked) => {
      await slow.promise;
      return await prepareNext(...asked);
    };
    ahead.foreseen(callOf(2), requestOf('second'));
    const settled = ahead.settle(stage);
    slow.resolve();
    await settled;
    expect(command.withdrawn).toBe(1);
  });

  it('leaves what has begun among the commands that run, and lets its output go', async () => {
    const { ahead, callOf, first, lines, stage } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    command.begun.resolve(fakeCommand('1-1-2').running);
    command.end();
    await command.started.exit;
    await ahead.settle(stage);
    expect([...stage.running].map(({ running }) => running.id)).toEqual(['1-1-2']);
    await command.prepared[0]!.sink('stdout', Buffer.from('hello\n'));
    expect(lines).toEqual(['$ second', 'hello']);
  });

  it('does not touch what belongs to another stage', async () => {
    const { ahead, callOf, first } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    await ahead.settle(createStageRun('other', 1, stagePolicy({}, {}, undefined)));
    expect(command.withdrawn).toBe(0);
  });
});

describe('another stage', () => {
  it('waits until what has begun was asked for', async () => {
    const { ahead, callOf, first } = openJob();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    command.begun.resolve(fakeCommand('1-1-2').running);
    let room = false;
    const made = ahead.makeRoom().then(() => {
      room = true;
    });
    await turns();
    expect(room).toBe(false);
    await ahead.take(callOf(2), requestOf('second'));
    await made;
  });

  it('waits for nothing else, and what has not begun is withdrawn', async () => {
    const { ahead, callOf, first } = openJob();
    await ahead.makeRoom();
    const command = await first();
    ahead.foreseen(callOf(2), requestOf('second'));
    await ahead.makeRoom();
    expect(command.withdrawn).toBe(1);
  });
});
