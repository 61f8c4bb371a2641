// Hashes passwords with argon2id and compares them, in the same time whether or not there is one.
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { RivetError } from '@rivet/base';
import { argon2id, hash, verify } from 'argon2';
import { createHashingQueue } from './hashing-queue.ts';

/** Bytes of a password in UTF-8: more would only cost time. */
export const PASSWORD_BYTES_MAX = 1024;

/** Cost of a hash. */
export interface PasswordCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** What OWASP asks for at least. */
const COST: PasswordCost = { memoryKib: 19_456, passes: 2, lanes: 1 };

/** libuv has four threads; one stays free for files and names of hosts. */
const THREADS_MAX = 3;
/** Two seconds of work on a small machine. */
const WAITING_MAX = 50;

interface PasswordMatch {
  readonly matches: boolean;
  /** Whether the stored hash is cheaper than those made today, so that it should be made anew. */
  readonly outdated: boolean;
}

export interface Passwords {
  /**
   * The hash to be stored, in PHC format.
   * @throws RIVET_AUTH_PASSWORD_SIZE, RIVET_AUTH_BUSY
   */
  hash(password: string): Promise<string>;
  /**
   * Whether `password` is the one whose hash was stored. Without a hash it takes the same time and
   * matches never.
   * @throws RIVET_AUTH_PASSWORD_SIZE, RIVET_AUTH_BUSY
   */
  compare(stored: string | null | undefined, password: string): Promise<PasswordMatch>;
}

/** @param options.parallel hashings at once; one core stays free for everything else when absent */
export function createPasswords(
  options: { readonly cost?: PasswordCost; readonly parallel?: number } = {},
): Passwords {
  const cost = options.cost ?? COST;
  const parallel =
    options.parallel ?? Math.min(THREADS_MAX, Math.max(1, availableParallelism() - 1));
  const queue = createHashingQueue({ parallel, waitingMax: WAITING_MAX });
  const make = (password: string): Promise<string> =>
    hash(password, {
      type: argon2id,
      memoryCost: cost.memoryKib,
      timeCost: cost.passes,
      parallelism: cost.lanes,
    });
  let nobody: Promise<string> | undefined;
  // Of a password that nobody knows; made with the first comparison, in its turn.
  const hashOfNobody = (): Promise<string> => {
    nobody ??= make(randomBytes(32).toString('base64'));
    return nobody;
  };
  return {
    hash: async (password) => {
      const text = normalise(password);
      return queue.run(() => make(text));
    },
    compare: async (stored, password) => {
      const text = normalise(password);
      return queue.run(async () => {
        const reference = await hashOfNobody();
        if (stored === null || stored === undefined) {
          await verify(reference, text);
          return { matches: false, outdated: false };
        }
        const matches = await verify(stored, text);
        return { matches, outdated: matches && isCheaper(stored, cost) };
      });
    },
  };
}

/**
 * The form in which a password is hashed: the same whichever keyboard composed its characters.
 * @throws RIVET_AUTH_PASSWORD_SIZE before anything expensive happens
 */
function normalise(password: string): string {
  const bytes = Buffer.byteLength(password);
  if (bytes < 1 || bytes > PASSWORD_BYTES_MAX) {
    throw RivetError.of('RIVET_AUTH_PASSWORD_SIZE', { found: bytes, limit: PASSWORD_BYTES_MAX });
  }
  return password.normalize('NFKC');
}

/** Hashes that are more expensive than ours stay: an administrator may have asked for them. */
function isCheaper(stored: string, { memoryKib, passes }: PasswordCost): boolean {
  const parameters = /^\$argon2id\$v=19\$([a-z0-9=,]+)\$/.exec(stored)?.[1];
  if (parameters === undefined) return true;
  const cost = new Map(parameters.split(',').map((pair) => pair.split('=') as [string, string]));
  return Number(cost.get('m')) < memoryKib || Number(cost.get('t')) < passes;
}
