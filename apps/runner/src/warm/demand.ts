// Which containers are worth having ready: what jobs asked for lately, the more often the more.
import { type WarmKey, warmKeyText } from './warm-key.ts';

/** What was asked for so long ago counts half, in milliseconds. */
const HALF_LIFE_MS = 10 * 60_000;
/** What counts less is forgotten; one request does after some 40 minutes. */
const SCORE_MIN = 1 / 16;
/** Keys that are remembered; a job can make up any number of them. */
const KEYS_MAX = 64;

/** What is known of a key before its image has been looked up. */
export type WantedKey = Omit<WarmKey, 'imageId'>;

interface Entry {
  readonly key: WantedKey;
  score: number;
  /** When the score was that, on the clock. */
  at: number;
}

export class Demand {
  readonly #clock: () => number;
  readonly #entries = new Map<string, Entry>();
  /** What the jobs of a pipeline asked for last, by its name. */
  readonly #ofPipelines = new Map<string, string>();

  /** @param clock milliseconds, from whenever */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** A job of `pipeline` asked for such a container. */
  note(key: WantedKey, pipeline: string): void {
    const text = keyText(key);
    const entry = this.#entries.get(text) ?? { key, score: 0, at: this.#clock() };
    entry.score = this.#scoreOf(entry) + 1;
    entry.at = this.#clock();
    this.#entries.delete(text);
    this.#entries.set(text, entry);
    this.#ofPipelines.delete(pipeline);
    this.#ofPipelines.set(pipeline, text);
    forgetFirst(this.#entries, KEYS_MAX);
    forgetFirst(this.#ofPipelines, KEYS_MAX * 4);
  }

  /** Whether the last job of `pipeline` asked for such a container; undefined when none is known. */
  expects(pipeline: string, key: WarmKey): boolean | undefined {
    const last = this.#ofPipelines.get(pipeline);
    return last === undefined ? undefined : last === keyText(key);
  }

  /**
   * The `count` containers to have ready, the most wanted first: each further one of a key counts
   * less than the one before, so that several images get a share.
   * @param always what is worth having even when nobody asked for it lately
   */
  wanted(count: number, always: WantedKey): readonly WantedKey[] {
    const entries = [...this.#entries.values()]
      .map((entry) => ({ key: entry.key, score: this.#scoreOf(entry), given: 0 }))
      .filter(({ score }) => score >= SCORE_MIN);
    if (!entries.some(({ key }) => keyText(key) === keyText(always))) {
      entries.push({ key: always, score: SCORE_MIN, given: 0 });
    }
    const found: WantedKey[] = [];
    while (found.length < count) {
      const best = entries.reduce((a, b) =>
        b.score / (b.given + 1) > a.score / (a.given + 1) ? b : a,
      );
      best.given += 1;
      found.push(best.key);
    }
    return found;
  }

  #scoreOf({ score, at }: Entry): number {
    return score * 0.5 ** ((this.#clock() - at) / HALF_LIFE_MS);
  }
}

/** The same for two keys that are the same but for what the image's name stands for. */
export function keyText({ image, network, user, readonly }: WantedKey): string {
  return warmKeyText({ image, imageId: '', network, user, readonly });
}

function forgetFirst(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
