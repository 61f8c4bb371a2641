// Versions of pipelines, which never change: each claim and most reports need one.
import type { PipelineContent, Queryable } from '@rivet/store';
import { versionOf } from '../find.ts';

/** A version of a pipeline. */
export interface KnownVersion extends PipelineContent {
  readonly stageNames: ReadonlySet<string>;
}

export interface VersionCache {
  /** The files and definition of a version that something in the database refers to. */
  of(db: Queryable, pipelineId: string, version: number): Promise<KnownVersion>;
}

/** Of all versions that are remembered, in characters: a bundle may have 10 MB. */
const CHARACTERS_MAX = 64 * 1024 * 1024;

/** Remembers the versions that were asked for last. */
export function createVersionCache(charactersMax = CHARACTERS_MAX): VersionCache {
  const known = new Map<string, { readonly value: KnownVersion; readonly characters: number }>();
  let held = 0;
  return {
    async of(db, pipelineId, version) {
      const key = `${pipelineId} ${version}`;
      const found = known.get(key);
      if (found !== undefined) {
        // The last one now: the first is forgotten first.
        known.delete(key);
        known.set(key, found);
        return found.value;
      }
      const content = await versionOf(db, pipelineId, version);
      const stageNames = new Set(content.definition.stages.map(({ name }) => name));
      const value = { ...content, stageNames };
      const characters = JSON.stringify([content.bundle, content.definition]).length;
      // Another call may have read it meanwhile.
      if (!known.has(key)) held += characters;
      known.set(key, { value, characters });
      for (const [oldest, { characters: size }] of known) {
        if (held <= charactersMax || oldest === key) break;
        known.delete(oldest);
        held -= size;
      }
      return value;
    },
  };
}
