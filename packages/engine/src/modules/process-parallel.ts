// The host's side of process.parallel: sections and container stacks of the branches, failures.
import { RivetError } from '@rivet/base';
import { enterSection, sectionName } from '../branch.ts';
import {
  functionType,
  type HostFunction,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import type { ParallelGroup } from '../stages/stage-run.ts';
import { boolean, integer, options, type Reader, shownText, wrongValue } from '../value-readers.ts';

/** Branches at the same time when the script sets no `max`. */
const PARALLEL_DEFAULT = 16;
const ITEMS_MAX = 10_000;

/** Trusted Lua passes the length of a list, or the type of what is none. */
const itemCount: Reader<number> = {
  expected: `a list of at most ${ITEMS_MAX} items`,
  read(value, place) {
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= ITEMS_MAX) {
      return Number(value);
    }
    throw wrongValue(value, this.expected, place);
  },
};

const groupId = required('group', integer(1, Number.MAX_SAFE_INTEGER));
const index = required('index', integer(1, ITEMS_MAX));
const label = required('label', shownText);

function groupOf({ branch }: ModuleCall, id: number): ParallelGroup {
  const group = branch.stage.parallels.get(id);
  if (group === undefined) throw new Error(`there is no parallel group ${id}`);
  return group;
}

const parallel = hostFunction(
  [
    required('items', itemCount),
    required('fn', functionType),
    optional('options', options({ max: integer(1, 1000), fail_fast: boolean })),
  ],
  ({ job, branch }, _count, _fn, given) => {
    const { max = PARALLEL_DEFAULT, fail_fast: failFast = true } = given ?? {};
    const id = job.nextId();
    branch.stage.parallels.set(id, { failFast, controller: new AbortController(), failures: [] });
    return [id, max, failFast];
  },
  {
    effect: true,
    interrupted: 'resume',
    replay({ branch }, [id, , failFast]) {
      const controller = new AbortController();
      const group = { failFast: failFast === true, controller, failures: [] };
      branch.stage.parallels.set(Number(id), group);
    },
  },
);

const begin = hostFunction(
  [groupId, index, label],
  (call, id, _index, item) => {
    const { branch } = call;
    enterSection(branch, item);
    branch.signal = AbortSignal.any([branch.signal, groupOf(call, id).controller.signal]);
    return [];
  },
  { public: false, replay: 'again' },
);

const end = hostFunction(
  [groupId, index, label, optional('problem', shownText)],
  async (call, id, position, item, problem) => {
    const { branch, job } = call;
    const group = groupOf(call, id);
    if (problem !== undefined) {
      const named = sectionName(item);
      const shown = item === `#${position}` ? `item ${item}` : `item "${named}" (#${position})`;
      // Stopped because of another: that one is the news.
      const stopped = branch.lastError?.code === 'RIVET_PARALLEL_STOPPED';
      if (!stopped || group.failures.length === 0) {
        // The script may have caught that error and raised one of its own.
        const raised = branch.lastError;
        const error = raised !== undefined && problem.includes(raised.message) ? raised : undefined;
        group.failures.push({ item: shown, message: problem, error });
      }
      if (group.failFast) {
        group.controller.abort(RivetError.of('RIVET_PARALLEL_STOPPED', { item: shown }));
      }
    }
    job.branches.forget(branch.name);
    await branch.containers.closeAll();
    return [];
  },
  { public: false, replay: 'again' },
);

const join = hostFunction(
  [groupId],
  (call, id) => {
    const { failures } = groupOf(call, id);
    call.branch.stage.parallels.delete(id);
    if (failures.length === 0) return [];
    throw RivetError.of('RIVET_PARALLEL_FAILED', {
      failures: failures.map(({ item, message }) => `${item} failed: ${message}`).join('\n'),
      // The kind of the job's failure is that of the first item's.
      ...causeOf(failures[0]?.error),
    });
  },
  { public: false, replay: 'again' },
);

function causeOf(error: RivetError | undefined): Readonly<Record<string, unknown>> {
  if (error === undefined) return {};
  const { exit_code: exitCode } = error.details;
  return { cause_code: error.code, ...(exitCode !== undefined && { exit_code: exitCode }) };
}

export const parallelFunctions: Readonly<Record<string, HostFunction>> = {
  parallel,
  branch: begin,
  branch_end: end,
  parallel_end: join,
};
