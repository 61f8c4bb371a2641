// Makes the end of the audit log of a new installation: from then on there always is one.
import { createAuditHead, type Queryable } from '@rivet/store';
import type { Sealer } from '../sealing/sealer.ts';
import { type AuditKeys, createAuditKeys } from './audit-keys.ts';

/**
 * To be called in the transaction that makes the root of the installation, which the keys of the
 * log are derived from. Nothing makes a second one: whoever empties the log cannot begin it anew.
 */
export function beginAuditLog(tx: Queryable, sealer: Pick<Sealer, 'mac'>): Promise<void> {
  return createOrigin(tx, auditKeysOf(sealer));
}

/** The keys of the audit log of an installation. */
export function auditKeysOf(sealer: Pick<Sealer, 'mac'>): AuditKeys {
  return createAuditKeys(() => sealer.mac('audit'));
}

/** The end of a log that has no row yet. */
export function createOrigin(tx: Queryable, keys: AuditKeys): Promise<void> {
  const origin = { position: '0', link: keys.origin() };
  return createAuditHead(tx, { ...origin, mac: keys.headMac(origin) });
}
