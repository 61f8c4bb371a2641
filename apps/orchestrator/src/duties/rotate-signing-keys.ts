// Replaces the keys that sign tokens when they are a month old; nobody is signed out by it.
import type { SigningKeys } from '../auth/signing-keys.ts';
import type { Duty } from './duty.ts';

export function rotateSigningKeys(signingKeys: SigningKeys): Duty {
  return {
    name: 'rotate-signing-keys',
    everyMs: 3_600_000,
    run: () => signingKeys.rotateByAge(),
  };
}
