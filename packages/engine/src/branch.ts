// A branch is one thread of a script: a stage, or one item of process.parallel in it.
import type { RivetError } from '@rivet/base';
import type { BranchContainers } from './containers/branch-containers.ts';
import type { LineOrigin, LinePlace } from './log/log-writer.ts';
import type { StageRun } from './stages/stage-run.ts';

/** State that belongs to one thread of the script. */
export interface Branch {
  readonly name: string;
  readonly stage: StageRun;
  readonly containers: BranchContainers;
  /** Number of its host call that is under way, or was the last. */
  sequence: number;
  /** Open log sections, outermost first. */
  groups: readonly string[];
  /** Aborts when the branch must stop; the reason is the RivetError that says why. */
  signal: AbortSignal;
  /** The last error that a call of this branch, or of a branch below it, was answered with. */
  lastError: RivetError | undefined;
}

/**
 * More lines than one call writes: calls of a branch write one after the other, so the line of a
 * branch is told by its call and the lines of that before it.
 */
const CALL_LINES_MAX = 2 ** 28;

/** Where lines stand that a call writes: the one under way when `sequence` is absent. */
export function placeOf(branch: Branch, sequence: number = branch.sequence): LinePlace {
  const { name: author, groups } = branch;
  return { stage: branch.stage.stage, groups, author, base: sequence * CALL_LINES_MAX };
}

/** A line that the call under way writes. */
export function lineOf(
  branch: Branch,
  level: LineOrigin['level'],
  stream: LineOrigin['stream'] = 'system',
): LineOrigin {
  return { ...placeOf(branch), level, stream };
}

const SECTION_NAME_MAX = 100;

/** The name of a log section: short and on one line, as every line in the section carries it. */
export function sectionName(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ');
  return line.length > SECTION_NAME_MAX ? `${line.slice(0, SECTION_NAME_MAX)}…` : line;
}

/** Puts what the branch logs from now on into a section of those that are open. */
export function enterSection(branch: Branch, name: string): void {
  branch.groups = [...branch.groups, sectionName(name)];
}

/** The branches that exist, by the name that the Lua VM gives them. */
export interface Branches {
  /** Opens the branch of a stage. */
  open(name: string, stage: StageRun, containers: BranchContainers): Branch;
  /** The branch of a host call; one below a known branch starts as a copy of that. */
  of(name: string): Branch;
  parentOf(branch: Branch): Branch | undefined;
  /** Whether there is no other branch. */
  isAlone(branch: Branch): boolean;
  /** Forgets a branch and those below it, and returns them. */
  forget(name: string): readonly Branch[];
}

export function createBranches(): Branches {
  const branches = new Map<string, Branch>();

  const find = (name: string): Branch => {
    const known = branches.get(name);
    if (known !== undefined) return known;
    const dot = name.lastIndexOf('.');
    if (dot === -1) throw new Error(`the branch ${name} was never opened`);
    const parent = find(name.slice(0, dot));
    // The parent waits for its branches, so it is now as it was when this one began.
    const branch: Branch = {
      name,
      stage: parent.stage,
      containers: parent.containers.fork(name),
      sequence: 0,
      groups: parent.groups,
      signal: parent.signal,
      lastError: undefined,
    };
    branches.set(name, branch);
    return branch;
  };

  return {
    open(name, stage, containers) {
      const { signal } = stage;
      const state = { sequence: 0, groups: [], signal, lastError: undefined };
      const branch = { name, stage, containers, ...state };
      branches.set(name, branch);
      return branch;
    },
    of: find,
    parentOf({ name }) {
      const dot = name.lastIndexOf('.');
      return dot === -1 ? undefined : branches.get(name.slice(0, dot));
    },
    isAlone: (branch) => branches.size === 1 && branches.get(branch.name) === branch,
    forget(name) {
      const forgotten = [...branches.values()].filter(
        (branch) => branch.name === name || branch.name.startsWith(`${name}.`),
      );
      for (const branch of forgotten) branches.delete(branch.name);
      return forgotten;
    },
  };
}
