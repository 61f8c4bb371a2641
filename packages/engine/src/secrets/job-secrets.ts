// The secrets of one attempt: which may be read, their handles in Lua, and that all are redacted.
import { randomBytes } from 'node:crypto';
import { didYouMean, RivetError, SecretText } from '@rivet/base';
import type { InputValues, PipelineDefinition } from '@rivet/protocol';
import type { Redactor } from '../redaction/redactor.ts';
import type { SecretProvider } from './secret-provider.ts';
import type { SecretHandles } from './secret-values.ts';

/** The secrets of a job as its modules see them. */
export interface JobSecrets extends SecretHandles {
  /**
   * The value of a declared secret, the same one whenever it is asked for in this attempt; from now
   * on it is redacted.
   * @param caller the function that is named when it may not be read
   * @throws RIVET_SECRET_UNDECLARED, RIVET_SECRET_MISSING, RIVET_SECRET_TOO_SHORT,
   *   RIVET_SECRET_TOO_LARGE
   */
  get(name: string, caller: string): Promise<SecretText>;
  /**
   * Whether a declared secret has a value.
   * @throws RIVET_SECRET_UNDECLARED, and like `get` for a value that cannot be redacted
   */
  has(name: string, caller: string): Promise<boolean>;
  /**
   * Takes in a value that the job was given besides; from now on it is redacted.
   * @throws RIVET_SECRET_TOO_SHORT, RIVET_SECRET_TOO_LARGE
   */
  adopt(label: string, secret: SecretText): SecretText;
  /**
   * Makes a handle that another process gave the handle of a secret: scripts that go on hold it.
   */
  rebind(secret: SecretText, handle: string): void;
  /** Values that are redacted since this was last asked, but for those of inputs. */
  takeAdded(): readonly string[];
  /** The value of an input that is secret; undefined for every other. */
  ofInput(name: string): SecretText | undefined;
  /** What people call it: `secret NPM_TOKEN`, `input token`. */
  labelOf(secret: SecretText): string;
}

/**
 * Values of secret inputs are redacted from the start.
 * @throws RIVET_SECRET_TOO_SHORT, RIVET_SECRET_TOO_LARGE for one of them
 */
export function createJobSecrets(
  definition: Pick<PipelineDefinition, 'inputs' | 'secrets'>,
  given: InputValues,
  provider: SecretProvider,
  redactor: Redactor,
): JobSecrets {
  const declared = definition.secrets;
  const asked = new Map<string, Promise<SecretText | undefined>>();
  const byHandle = new Map<string, SecretText>();
  const known = new Map<SecretText, { handle: string; readonly label: string }>();
  let added: string[] = [];

  const adopt = (label: string, secret: SecretText): SecretText => {
    if (known.has(secret)) return secret;
    redactor.add(secret.reveal(), `the value of ${label}`);
    added.push(secret.reveal());
    // Unlike a name it cannot be guessed, so no data from elsewhere can pass for a secret; nor does
    // the handle of one secret, which a plugin may have been given, tell that of another.
    const handle = randomBytes(16).toString('hex');
    known.set(secret, { handle, label });
    byHandle.set(handle, secret);
    return secret;
  };
  const ask = (name: string, caller: string): Promise<SecretText | undefined> => {
    if (!declared.includes(name)) {
      const nearest = didYouMean(name, declared);
      throw RivetError.of('RIVET_SECRET_UNDECLARED', { function: caller, secret: name, nearest });
    }
    const before = asked.get(name);
    if (before !== undefined) return before;
    const answer = provider
      .get(name)
      .then((secret) => (secret === undefined ? undefined : adopt(`secret ${name}`, secret)));
    asked.set(name, answer);
    // A provider that could not be reached may be asked again.
    answer.catch(() => asked.delete(name));
    return answer;
  };
  const inputs = new Map<string, SecretText>();
  for (const { name, secret } of definition.inputs) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    if (!secret || typeof value !== 'string' || value === '') continue;
    inputs.set(name, adopt(`input ${name}`, new SecretText(value)));
  }
  // Every process of the attempt has the same.
  added = [];
  const entry = (secret: SecretText) => {
    const found = known.get(secret);
    if (found === undefined) throw new Error('a secret that this job does not know');
    return found;
  };
  return {
    get empty() {
      return known.size === 0;
    },
    async get(name, caller) {
      const secret = await ask(name, caller);
      if (secret !== undefined) return secret;
      const why = provider.whyAbsent?.(name);
      const facts = { secret: name, why: why === undefined ? '' : `: ${why}` };
      throw RivetError.of('RIVET_SECRET_MISSING', facts);
    },
    adopt,
    rebind(secret, handle) {
      entry(secret).handle = handle;
      byHandle.set(handle, secret);
    },
    has: async (name, caller) => (await ask(name, caller)) !== undefined,
    takeAdded() {
      const taken = added;
      if (taken.length > 0) added = [];
      return taken;
    },
    ofInput: (name) => inputs.get(name),
    labelOf: (secret) => entry(secret).label,
    find: (handle) => byHandle.get(handle),
    handleOf: (secret) => entry(secret).handle,
  };
}
