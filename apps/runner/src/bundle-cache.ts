// The bundles that this runner has seen, so that the server sends each one once.
import { RivetError } from '@rivet/base';
import type { ClaimedJob, PipelineBundle } from '@rivet/protocol';
import { askAgain } from './ask-again.ts';
import type { ServerApi } from './server-api.ts';

const BUNDLES_MAX = 64;
const CHARACTERS_MAX = 32 * 1024 * 1024;
const CALL_MS = 25_000;
/** An orchestrator that is being replaced is back by then. */
const ASK_MS_MAX = 120_000;

interface Entry {
  readonly bundle: PipelineBundle;
  readonly characters: number;
}

export class BundleCache {
  readonly #isOn: boolean;
  readonly #entries = new Map<string, Entry>();
  #characters = 0;

  /** @param isOn false: the server sends the bundle with each job */
  constructor(isOn: boolean) {
    this.#isOn = isOn;
  }

  /** SHA-256 in hex of the bundles that need not be sent, the one used last at the end. */
  known(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /**
   * The bundle of a claimed job: the one that came with it, one that is known, or asked for now.
   * @throws RIVET_RUNNER_BUNDLE when it is not the one that the server named, or why it could not
   *   be asked for
   */
  async of(
    job: ClaimedJob,
    api: Pick<ServerApi, 'bundle'>,
    signal: AbortSignal,
  ): Promise<PipelineBundle> {
    const { bundle, bundle_digest: digest } = job;
    if (digest === undefined || !this.#isOn) return bundle ?? (await ask(api, job, signal));
    const known = this.#entries.get(digest);
    if (known !== undefined) {
      this.#keep(digest, known);
      return known.bundle;
    }
    const found = bundle ?? (await ask(api, job, signal));
    // The engine is loaded with the first job.
    const { bundleDigest } = await import('@rivet/engine');
    const actual = bundleDigest(found);
    if (actual !== digest) {
      throw RivetError.of('RIVET_RUNNER_BUNDLE', { id: job.id, found: actual, expected: digest });
    }
    const characters = Object.values(found.files).reduce((sum, text) => sum + text.length, 0);
    this.#keep(digest, { bundle: found, characters });
    return found;
  }

  /** As the one used last; the first ones go where there is no room. */
  #keep(digest: string, entry: Entry): void {
    if (this.#entries.delete(digest)) this.#characters -= entry.characters;
    this.#entries.set(digest, entry);
    this.#characters += entry.characters;
    for (const [oldest, { characters }] of this.#entries) {
      if (this.#entries.size <= BUNDLES_MAX && this.#characters <= CHARACTERS_MAX) return;
      this.#entries.delete(oldest);
      this.#characters -= characters;
    }
  }
}

/** Asks again while the server cannot be reached, as long as the job is ours. */
function ask(
  api: Pick<ServerApi, 'bundle'>,
  { id, attempt, lease_id }: ClaimedJob,
  fence: AbortSignal,
): Promise<PipelineBundle> {
  return askAgain((limits) => api.bundle(id, { attempt, lease_id }, limits), {
    fence,
    callMs: CALL_MS,
    askMsMax: ASK_MS_MAX,
  });
}
