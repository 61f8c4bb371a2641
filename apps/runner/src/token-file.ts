// The runner's own token on its disk: kept before anybody is told of it, so that no crash loses it.
import { createHash, randomBytes } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeThrown, RivetError, SecretText, writeFileAtomically } from '@rivet/base';

const PATTERN = /^rvr_[A-Za-z0-9_-]{43}$/;

/** Tokens in a state directory. `next` is one that may not be valid yet, or already the only one. */
export interface KeptTokens {
  readonly current: SecretText | undefined;
  readonly next: SecretText | undefined;
}

/** What the server knows a token by: SHA-256, hex. */
export function hashOf(token: SecretText): string {
  return createHash('sha256').update(token.reveal()).digest('hex');
}

/** The files `token` and `token.next` of a state directory, which only their owner can read. */
export class TokenFile {
  readonly #path: string;
  readonly #next: string;

  constructor(stateDirectory: string) {
    this.#path = join(stateDirectory, 'token');
    this.#next = join(stateDirectory, 'token.next');
  }

  /** @throws RIVET_RUNNER_STATE_UNUSABLE when a file is there and holds no token */
  async read(): Promise<KeptTokens> {
    return { current: await readToken(this.#path), next: await readToken(this.#next) };
  }

  /** Makes the first token. */
  make(): Promise<SecretText> {
    return writeToken(this.#path);
  }

  /** Makes the token that is to follow the current one. */
  makeNext(): Promise<SecretText> {
    return writeToken(this.#next);
  }

  /** The server has seen the next token: it is the only one from now on. */
  async adoptNext(): Promise<void> {
    await rename(this.#next, this.#path);
  }

  /** The server was never told of the next token. */
  async dropNext(): Promise<void> {
    await rm(this.#next, { force: true });
  }
}

async function writeToken(path: string): Promise<SecretText> {
  const token = `rvr_${randomBytes(32).toString('base64url')}`;
  await writeFileAtomically(path, `${token}\n`, 0o600);
  return new SecretText(token);
}

async function readToken(path: string): Promise<SecretText | undefined> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unusable(path, describeThrown(error), error);
  }
  if (PATTERN.test(text)) return new SecretText(text);
  throw unusable(path, 'the file holds no token of a runner');
}

function unusable(path: string, reason: string, cause?: unknown): RivetError {
  return RivetError.of('RIVET_RUNNER_STATE_UNUSABLE', { directory: path, reason }, cause);
}
