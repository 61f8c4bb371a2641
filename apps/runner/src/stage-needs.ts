// Which stages of which pipelines worked in a container the last time, so that those that did not
// are given none before they ask.
import type { StageNeeds } from '@rivet/engine';
import type { ClaimedJob } from '@rivet/protocol';

/** Pipelines that are remembered. */
const PIPELINES_MAX = 1_000;
/** Stages of one that are remembered; others count as new. */
const STAGES_MAX = 100;

/** What is known of the pipelines whose jobs ran here last. */
export class PipelineNeeds {
  readonly #pipelines = new Map<string, Map<string, boolean>>();

  /** What is known of the stages of a pipeline, and where it is told what they did. */
  of(pipeline: string): StageNeeds {
    return {
      expected: (stage) => this.#pipelines.get(pipeline)?.get(stage) ?? true,
      note: (stage, needed) => this.#note(pipeline, stage, needed),
    };
  }

  /** Whether a stage of the job may need a container. */
  ofAny({
    pipeline,
    definition: { stages },
  }: Pick<ClaimedJob, 'pipeline' | 'definition'>): boolean {
    const { expected } = this.of(pipeline);
    return stages.length === 0 || stages.some(({ name }) => expected(name));
  }

  #note(pipeline: string, stage: string, needed: boolean): void {
    const stages = this.#pipelines.get(pipeline) ?? new Map<string, boolean>();
    // As the one used last.
    this.#pipelines.delete(pipeline);
    this.#pipelines.set(pipeline, stages);
    if (stages.has(stage) || stages.size < STAGES_MAX) stages.set(stage, needed);
    for (const oldest of this.#pipelines.keys()) {
      if (this.#pipelines.size <= PIPELINES_MAX) return;
      this.#pipelines.delete(oldest);
    }
  }
}
