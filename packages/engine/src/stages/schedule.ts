// Runs the stages of a job: each when what it waits for has ended, `always` ones after failures.
import type { StageDefinition, StageState } from '@rivet/protocol';
import type { StageEnd } from './run-stage.ts';

export interface ScheduleOptions {
  /** In the order of the file. */
  readonly stages: readonly StageDefinition[];
  /** What each stage waits for, by name. */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  /** Names of the stages that take part; the others are skipped. Undefined for all. */
  readonly selected: ReadonlySet<string> | undefined;
  /** Runs a stage to its end. Never rejects. */
  readonly run: (stage: StageDefinition) => Promise<StageEnd>;
  /** Tells that a stage does not run. */
  readonly leaveOut: (
    stage: StageDefinition,
    state: 'skipped' | 'canceled',
    reason: string,
  ) => Promise<void>;
  /** Why no further stage begins, once that is so. */
  readonly halted: () => { readonly reason: string; readonly canceled: boolean } | undefined;
  /** Resolves when `halted` becomes true. */
  readonly halt: Promise<void>;
}

/** Resolves when every stage has a final state. */
export async function scheduleStages(options: ScheduleOptions): Promise<void> {
  const states = new Map<string, StageState>(options.stages.map(({ name }) => [name, 'pending']));
  const running = new Map<string, Promise<void>>();
  let halt: Promise<void> | undefined = options.halt;

  const start = (stage: StageDefinition): void => {
    states.set(stage.name, 'running');
    const ended = options.run(stage).then(({ state }) => {
      states.set(stage.name, state);
      settled.add(stage.name);
      running.delete(stage.name);
    });
    running.set(stage.name, ended);
  };
  /**
   * Stages that have ended; one that was left out counts as soon as all that it waits for has
   * ended.
   */
  const settled = new Set<string>();
  const ready = (stage: StageDefinition): boolean =>
    (options.dependencies.get(stage.name) ?? []).every((name) => settled.has(name));

  for (;;) {
    let changed = false;
    for (const stage of options.stages) {
      const state = states.get(stage.name);
      if (isLeftOut(state) && !settled.has(stage.name) && ready(stage)) {
        settled.add(stage.name);
        changed = true;
      }
      if (state !== 'pending') continue;
      const reason = leftOutReason(options, stage);
      if (reason !== undefined) {
        states.set(stage.name, reason.state);
        if (ready(stage)) settled.add(stage.name);
        await options.leaveOut(stage, reason.state, reason.text);
        changed = true;
      } else if (ready(stage)) {
        start(stage);
        changed = true;
      }
    }
    if (changed) continue;
    if (running.size === 0) return;
    const events = [...running.values()];
    if (halt !== undefined) {
      events.push(halt);
      // Once it has resolved it would end every wait at once.
      void halt.then(() => {
        halt = undefined;
      });
    }
    await Promise.race(events);
  }
}

function leftOutReason(
  options: ScheduleOptions,
  stage: StageDefinition,
): { readonly state: 'skipped' | 'canceled'; readonly text: string } | undefined {
  if (options.selected?.has(stage.name) === false) {
    return { state: 'skipped', text: 'it was not selected' };
  }
  const halted = options.halted();
  if (halted === undefined || stage.always) return undefined;
  return { state: halted.canceled ? 'canceled' : 'skipped', text: halted.reason };
}

function isLeftOut(state: StageState | undefined): boolean {
  return state !== 'pending' && state !== 'running';
}
