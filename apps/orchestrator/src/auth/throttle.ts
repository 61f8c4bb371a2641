// Limits how often somebody may try in vain, on all orchestrators together, so that nobody can be
// locked out by somebody else.
import { createHash } from 'node:crypto';
import { formatDuration, RivetError } from '@rivet/base';
import {
  type AttemptLimit,
  type Database,
  giveBackAttempt,
  isKnownAddress,
  takeAttempt,
} from '@rivet/store';
import { clientAddress, clientNetwork } from './client-address.ts';

const MINUTE = 60;

/** Passwords: they can be guessed, so they are counted before they are looked at. */
const LOGIN_OF_ADDRESS: AttemptLimit = { attempts: 60, seconds: 15 * MINUTE };
const LOGIN_OF_NAME: AttemptLimit = { attempts: 10, seconds: 15 * MINUTE };

/** Tokens that cannot be guessed: only what failed is counted, and what is valid always works. */
const failureLimits = {
  token: { attempts: 300, seconds: 5 * MINUTE },
  refresh: { attempts: 60, seconds: 5 * MINUTE },
  setup: { attempts: 20, seconds: 15 * MINUTE },
  oidc: { attempts: 300, seconds: 5 * MINUTE },
} as const satisfies Readonly<Record<string, AttemptLimit>>;

type FailureKind = keyof typeof failureLimits;

interface LoginAttempt {
  /** For a password that was right, or was not looked at. */
  giveBack(): Promise<void>;
}

export interface Throttle {
  /**
   * Takes an attempt to sign in as `name`. Nobody can use up the attempts of another network than
   * their own, and where the user has signed in before, others there cannot either by trying other
   * names.
   * @throws RIVET_AUTH_THROTTLED before the password may be looked at
   */
  login(name: string, ip: string): Promise<LoginAttempt>;
  /**
   * Counts something that failed.
   * @throws RIVET_AUTH_THROTTLED when there were too many: said in place of what was wrong
   */
  failed(kind: FailureKind, ip: string): Promise<void>;
}

export function createThrottle(database: Database): Throttle {
  const take = async (key: Buffer, limit: AttemptLimit): Promise<void> => {
    const seconds = await takeAttempt(database, key, limit);
    if (seconds > 0) throw throttled(seconds);
  };
  return {
    async login(name, ip) {
      const network = clientNetwork(ip);
      const ofAddress = keyOf('login', network);
      const ofName = keyOf('login', network, name);
      const known = await isKnownAddress(database, name, clientAddress(ip));
      if (!known) await take(ofAddress, LOGIN_OF_ADDRESS);
      try {
        await take(ofName, LOGIN_OF_NAME);
      } catch (error) {
        // It was not looked at, so it counts for nobody else behind the same address.
        if (!known) await giveBackAttempt(database, ofAddress, LOGIN_OF_ADDRESS);
        throw error;
      }
      return {
        async giveBack() {
          await giveBackAttempt(database, ofName, LOGIN_OF_NAME);
          if (!known) await giveBackAttempt(database, ofAddress, LOGIN_OF_ADDRESS);
        },
      };
    },
    failed: (kind, ip) => take(keyOf(kind, clientNetwork(ip)), failureLimits[kind]),
  };
}

/** Hashed, so that the table tells nobody who tried as whom. */
function keyOf(...parts: readonly string[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest();
}

function throttled(seconds: number): RivetError {
  const waitMs = Math.ceil(seconds) * 1000;
  return RivetError.of('RIVET_AUTH_THROTTLED', {
    wait: formatDuration(waitMs),
    retry_after_ms: waitMs,
  });
}
