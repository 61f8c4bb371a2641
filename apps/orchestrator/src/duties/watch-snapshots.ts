// Tells who keeps the database from cleaning up: an old snapshot makes its tables grow.
import { formatDuration, type Logger } from '@rivet/base';
import { type Database, listSnapshotHolders, type SnapshotHolder } from '@rivet/store';
import type { Duty } from './duty.ts';

export interface SnapshotWatchOptions {
  readonly database: Database;
  readonly logger: Logger;
  /** Told at each look how long the oldest snapshot has been held; 0 when none is. */
  readonly onOldest: (seconds: number) => void;
  /** Who holds one for longer is told; ten minutes when absent, in milliseconds. */
  readonly tellAfterMs?: number;
  /** Milliseconds, from whenever; of this process when absent. */
  readonly clock?: () => number;
}

const TELL_AFTER_MS = 10 * 60_000;
/** The same is told again as often as this, in milliseconds. */
const TELL_EVERY_MS = 3_600_000;

/**
 * The duty. It also knows of what the user of the database may not see in full: what it finds again
 * has been held since it was found first.
 */
export function watchSnapshots(options: SnapshotWatchOptions): Duty {
  const { database, logger, onOldest } = options;
  const { tellAfterMs = TELL_AFTER_MS, clock = () => performance.now() } = options;
  let sinceMs: ReadonlyMap<string, number> = new Map();
  let told = { who: '', atMs: Number.NEGATIVE_INFINITY };
  return {
    name: 'watch-snapshots',
    everyMs: 120_000,
    async run() {
      const holders = await listSnapshotHolders(database);
      const now = clock();
      const found = new Map<string, number>();
      for (const holder of holders) {
        const key = keyOf(holder);
        const seenMs = sinceMs.get(key) ?? now;
        found.set(key, Math.min(seenMs, now - holder.heldSeconds * 1000));
      }
      sinceMs = found;
      const heldMs = (holder: SnapshotHolder): number => now - (found.get(keyOf(holder)) ?? now);
      const [oldest, ...others] = holders.toSorted((a, b) => heldMs(b) - heldMs(a));
      onOldest(oldest === undefined ? 0 : heldMs(oldest) / 1000);
      if (oldest === undefined || heldMs(oldest) < tellAfterMs) return;
      const who = keyOf(oldest);
      if (who === told.who && now - told.atMs < TELL_EVERY_MS) return;
      told = { who, atMs: now };
      const { horizon: _, heldSeconds: __, ...facts } = oldest;
      const more = others.filter((holder) => heldMs(holder) >= tellAfterMs).length;
      const held = formatDuration(heldMs(oldest));
      const rest = more === 0 ? '' : `; so do ${more} more`;
      logger.warn(
        { holder: facts, held_seconds: Math.round(heldMs(oldest) / 1000) },
        `${describe(oldest)} holds a snapshot of the database for ${held} already${rest}: ` +
          `its tables cannot be cleaned up and grow. ${remedyFor(oldest)}`,
      );
    },
  };
}

/** Another transaction of the same session is another holder. */
function keyOf({ kind, name, horizon }: SnapshotHolder): string {
  return JSON.stringify([kind, name, horizon]);
}

function describe({ kind, name, user, application, state }: SnapshotHolder): string {
  const words = [...(user === null ? [] : [`user ${user}`]), ...(state === null ? [] : [state])];
  const rest = words.length === 0 ? '' : ` (${words.join(', ')})`;
  const program = application === null ? 'a program without a name' : JSON.stringify(application);
  switch (kind) {
    case 'session':
      return `the session ${name} of ${program}${rest}`;
    case 'standby':
      return `a reader on the standby ${program}`;
    case 'slot':
      return `the replication slot ${JSON.stringify(name)}`;
    case 'prepared':
      return `the prepared transaction ${JSON.stringify(name)}${rest}`;
  }
}

function remedyFor({ kind, name }: SnapshotHolder): string {
  switch (kind) {
    case 'session':
      return `Let it end its transaction, or end it: SELECT pg_terminate_backend(${name})`;
    case 'standby':
      return 'End the oldest transaction there, or turn hot_standby_feedback off';
    case 'slot':
      return 'End the oldest transaction of who reads it; drop it when nobody does (pg_drop_replication_slot)';
    case 'prepared':
      return 'Whoever prepared it must end it: COMMIT PREPARED or ROLLBACK PREPARED';
  }
}
