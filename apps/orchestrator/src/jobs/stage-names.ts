// Which stages the versions of pipelines have: asked for with most reports, and never changing.
import type { Queryable } from '@rivet/store';
import { versionOf } from '../find.ts';

const VERSIONS_MAX = 1000;

export interface StageNames {
  /** The names of the stages of a version of a pipeline. */
  of(db: Queryable, pipelineId: string, version: number): Promise<ReadonlySet<string>>;
}

/** Remembers the names of the versions that were asked for last. */
export function createStageNames(): StageNames {
  const known = new Map<string, ReadonlySet<string>>();
  return {
    async of(db, pipelineId, version) {
      const key = `${pipelineId} ${version}`;
      const found = known.get(key) ?? (await read(db, pipelineId, version));
      known.delete(key);
      known.set(key, found);
      const [oldest] = known.keys();
      if (known.size > VERSIONS_MAX && oldest !== undefined) known.delete(oldest);
      return found;
    },
  };
}

async function read(db: Queryable, pipelineId: string, version: number): Promise<Set<string>> {
  const { definition } = await versionOf(db, pipelineId, version);
  return new Set(definition.stages.map(({ name }) => name));
}
