// The graph of the stages: what waits for what, and the mistakes a graph can have.
import { findCycle } from '@rivet/base';
import type { PipelineDefinition } from '@rivet/protocol';
import { fieldPath, type IssueList, itemPath } from './issue-list.ts';
import { showText } from './show-value.ts';
import type { ReadStage } from './stage-definition.ts';

/**
 * What each stage waits for, by name and in the order of the file: its `needs`, or all the stages
 * before it when it has none. Of those it names only the ones back to the last stage without
 * `needs`, which itself waited for everything before it.
 */
export function stageDependencies(
  definition: Pick<PipelineDefinition, 'stages'>,
): ReadonlyMap<string, readonly string[]> {
  return dependencies(definition.stages);
}

function dependencies(
  stages: readonly { readonly name: string; readonly needs: readonly string[] | null }[],
): Map<string, readonly string[]> {
  const graph = new Map<string, readonly string[]>();
  let before: string[] = [];
  for (const { name, needs } of stages) {
    graph.set(name, needs ?? before);
    before = needs === null ? [name] : [...before, name];
  }
  return graph;
}

/** Reports names that are there twice, needs that name no stage, and cycles. */
export function checkStageGraph(stages: readonly ReadStage[], issues: IssueList): void {
  const named = checkNames(stages, issues);
  checkNeeds(named, issues);
  checkCycles(named, issues);
}

type NamedStage = ReadStage & { readonly name: string };

function checkNames(stages: readonly ReadStage[], issues: IssueList): Map<string, NamedStage> {
  const named = new Map<string, NamedStage>();
  for (const stage of stages) {
    const { name } = stage;
    if (name === undefined) continue;
    const first = named.get(name);
    if (first === undefined) {
      named.set(name, { ...stage, name });
    } else {
      issues.add(fieldPath(stage.path, 'name'), {
        message: `the name ${showText(name)} is taken by ${first.path}`,
        expected: 'a name that no other stage has',
      });
    }
  }
  return named;
}

function checkNeeds(named: ReadonlyMap<string, NamedStage>, issues: IssueList): void {
  for (const { name, needs, path } of named.values()) {
    if (issues.full) return;
    for (const [index, need] of (needs ?? []).entries()) {
      const at = itemPath(fieldPath(path, 'needs'), index);
      if (need === name) {
        issues.add(at, {
          message: `the stage ${showText(name)} needs itself`,
          expected: 'the name of another stage',
        });
      } else if (!named.has(need)) {
        issues.add(at, {
          message: `no stage has the name ${showText(need)}`,
          expected: 'the name of another stage',
          misspelt: { name: need, known: otherNames(named, name) },
        });
      }
    }
  }
}

/** Made one by one when they are compared: most needs are right, and there can be many. */
function* otherNames(named: ReadonlyMap<string, NamedStage>, own: string): Generator<string> {
  for (const name of named.keys()) if (name !== own) yield name;
}

/** Cycles that are told; one mistake often makes several. */
const CYCLES_MAX = 20;

function checkCycles(named: ReadonlyMap<string, NamedStage>, issues: IssueList): void {
  const graph = dependencies([...named.values()]);
  for (const [name, needs] of graph) {
    graph.set(
      name,
      needs.filter((need) => need !== name),
    );
  }
  for (let count = 0; count < CYCLES_MAX; count += 1) {
    const cycle = findCycle(graph);
    if (cycle === undefined) return;
    reportCycle(cycle, named, issues);
    for (const name of cycle) graph.delete(name);
  }
}

function reportCycle(
  cycle: readonly string[],
  named: ReadonlyMap<string, NamedStage>,
  issues: IssueList,
): void {
  const stages = cycle.slice(0, -1).flatMap((name) => named.get(name) ?? []);
  // The cycle goes through a `needs` somewhere: that is the line to change.
  const start = Math.max(
    0,
    stages.findIndex(({ needs }) => needs !== null),
  );
  const names = [...stages.slice(start), ...stages.slice(0, start), stages[start]];
  const implicit = stages.find(({ needs }) => needs === null);
  const why =
    implicit === undefined
      ? ''
      : `; ${showText(implicit.name)} has no needs, so it waits for those before it`;
  issues.add(fieldPath(stages[start]?.path ?? '', 'needs'), {
    message: `the stages wait for each other: ${shortened(names.map((stage) => stage?.name ?? ''))}${why}`,
    expected: 'needs without a cycle',
  });
}

function shortened(names: readonly string[]): string {
  const shown = names.length <= 12 ? names : [...names.slice(0, 6), '…', ...names.slice(-5)];
  return shown.join(' → ');
}
