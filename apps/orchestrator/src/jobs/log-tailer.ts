// Reads what lies behind places in logs: whoever asks while a statement is under way is answered by
// the next one, together with all others, and the same question is asked once.
import { type Database, type LogPlace, type LogTail, readLogTails } from '@rivet/store';

/** Places of one statement. */
const PLACES_MAX = 50;

interface Question {
  readonly place: LogPlace;
  readonly answer: PromiseWithResolvers<LogTail | undefined>;
}

export interface LogTailer {
  /** What lies behind a place; undefined when the job is gone. */
  read(place: LogPlace): Promise<LogTail | undefined>;
}

export function createLogTailer(database: Database): LogTailer {
  const waiting = new Map<string, Question>();
  let reading = false;

  const readAll = async (): Promise<void> => {
    // What the same turn asks goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.size > 0) {
      const asked = [...waiting].slice(0, PLACES_MAX);
      for (const [key] of asked) waiting.delete(key);
      const questions = asked.map(([, question]) => question);
      try {
        const tails = await readLogTails(
          database,
          questions.map(({ place }) => place),
        );
        for (const [index, { answer }] of questions.entries()) answer.resolve(tails[index]);
      } catch (error) {
        for (const { answer } of questions) answer.reject(error);
      }
    }
    reading = false;
  };
  return {
    read(place) {
      const key = `${place.jobId} ${place.attempt} ${place.after}`;
      const same = waiting.get(key);
      if (same !== undefined) return same.answer.promise;
      const question = { place, answer: Promise.withResolvers<LogTail | undefined>() };
      waiting.set(key, question);
      if (!reading) {
        reading = true;
        void readAll();
      }
      return question.answer.promise;
    },
  };
}
