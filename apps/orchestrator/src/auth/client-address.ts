// Where a request comes from, as it is stored and limited.
import { parseIp } from '@rivet/base';

/** What nobody can read as an address stands for itself: all of it is limited together. */
const UNKNOWN = '0.0.0.0';
const MAPPED = 0xffffn;

/** An address without its zone, and of IPv4 in its own form: `fe80::1`, `10.0.0.1`. */
export function clientAddress(ip: string): string {
  const address = parseIp(ip);
  if (address === undefined) return UNKNOWN;
  if (address >> 32n !== MAPPED) return ip.replace(/%.*$/, '').toLowerCase();
  return [24n, 16n, 8n, 0n].map((shift) => String((address >> shift) & 0xffn)).join('.');
}

/**
 * What one client has for itself: an address of IPv4, or the first 64 bits of one of IPv6, where
 * every machine has as many addresses as it wants.
 */
export function clientNetwork(ip: string): string {
  const address = parseIp(clientAddress(ip)) ?? 0n;
  return address >> 32n === MAPPED
    ? clientAddress(ip)
    : `${(address >> 64n).toString(16).padStart(16, '0')}/64`;
}
