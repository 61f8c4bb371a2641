// Counts the streams that each person has open at this orchestrator, and refuses the next one.
import { RivetError } from '@rivet/base';
import type { Person } from '../auth/principal.ts';

/** What somebody who is refused waits, in milliseconds, before a program tries again. */
const RETRY_AFTER_MS = 10_000;

export interface StreamSlots {
  /**
   * Takes a slot; what it returns gives it back, once.
   * @throws RIVET_WEB_STREAMS when the person has as many as allowed
   */
  take(person: Person): () => void;
}

export function createStreamSlots(perPersonMax: number): StreamSlots {
  const taken = new Map<string, number>();
  return {
    take({ userId, name }) {
      const count = taken.get(userId) ?? 0;
      if (count >= perPersonMax) {
        const facts = { who: name, limit: perPersonMax, retry_after_ms: RETRY_AFTER_MS };
        throw RivetError.of('RIVET_WEB_STREAMS', facts);
      }
      taken.set(userId, count + 1);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        const left = (taken.get(userId) ?? 1) - 1;
        if (left === 0) taken.delete(userId);
        else taken.set(userId, left);
      };
    },
  };
}
