// Asks again until there is an answer: what nobody can know yet, only time can tell.
import { sleep } from '@rivet/base';

const PAUSE_MS = 200;
/** When the caller does not say: until everything is up for the first time, in milliseconds. */
const MS_MAX = 180_000;

/**
 * The answer of `ask`, once it gives one.
 * @param isRefusal whether asking again would give the same error
 * @throws what it threw last, after `ms` or when that is a refusal
 */
export async function eventually<T>(
  ask: () => Promise<T>,
  { ms = MS_MAX, isRefusal = () => false }: EventuallyOptions = {},
): Promise<T> {
  const until = performance.now() + ms;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > until || isRefusal(error)) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

interface EventuallyOptions {
  readonly ms?: number;
  readonly isRefusal?: (error: unknown) => boolean;
}
