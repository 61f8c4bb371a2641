// IP addresses and networks: reading them, and telling what an address is for.
import { isIP } from 'node:net';

/** An address as a number of 128 bits; IPv4 stands where IPv6 maps it (`::ffff:0:0/96`). */
export type IpAddress = bigint;

/** All addresses that share the first `prefix` of 128 bits with `address`. */
export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefix: number;
}

const MAPPED = 0xffffn << 32n;
const BITS = 128;
const IPV4_BITS = 32;

/** The address of `"10.0.0.1"`, `"::1"`, `"fe80::1%eth0"`; undefined for anything else. */
export function parseIp(text: string): IpAddress | undefined {
  const family = isIP(text);
  if (family === 4) return MAPPED | ipv4(text);
  return family === 6 ? ipv6(text.replace(/%.*$/, '')) : undefined;
}

/** The network of `"10.0.0.0/8"`, `"fd00::/8"`, or of one address; undefined for anything else. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [, base = '', length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseIp(base);
  if (address === undefined) return undefined;
  const bits = base.includes(':') ? BITS : IPV4_BITS;
  const prefix = length === undefined ? bits : Number(length);
  return prefix > bits ? undefined : { address, prefix: BITS - bits + prefix };
}

export function networkHas({ address, prefix }: IpNetwork, candidate: IpAddress): boolean {
  return (address ^ candidate) >> BigInt(BITS - prefix) === 0n;
}

/**
 * The IPv4 address that an IPv6 address leads to by translation or tunnel (NAT64, 6to4, Teredo, and
 * the form `::1.2.3.4`), mapped; undefined when it leads to none.
 */
export function embeddedIpv4(address: IpAddress): IpAddress | undefined {
  const low = address & 0xffff_ffffn;
  if (networkHas(NAT64, address)) return MAPPED | low;
  if (networkHas(COMPATIBLE, address) && low > 1n) return MAPPED | low;
  if (networkHas(SIX_TO_FOUR, address)) return MAPPED | ((address >> 80n) & 0xffff_ffffn);
  if (networkHas(TEREDO, address)) return MAPPED | (low ^ 0xffff_ffffn);
  return undefined;
}

/** What an address is that is no public one, as it continues "which is …"; undefined for public. */
export function specialAddress(address: IpAddress): string | undefined {
  const found = SPECIAL.find(([, networks]) => networks.some((each) => networkHas(each, address)));
  if (found !== undefined) return found[0];
  const inner = embeddedIpv4(address);
  if (inner !== undefined) return specialAddress(inner);
  return [IPV4, GLOBAL].some((each) => networkHas(each, address)) ? undefined : RESERVED;
}

function ipv4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const front = groups(head);
  const back = groups(tail ?? '');
  const gap = Array<bigint>(8 - front.length - back.length).fill(0n);
  return [...front, ...gap, ...back].reduce((value, group) => (value << 16n) | group, 0n);
}

/** The groups of 16 bits of a part of an IPv6 address; an IPv4 address at its end makes two. */
function groups(part: string): bigint[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const value = ipv4(group);
    return [value >> 16n, value & 0xffffn];
  });
}

/** One that is written here: it need not be checked, for which a module of Node would be loaded. */
function network(text: string): IpNetwork {
  const [base = '', length = BITS] = text.split('/');
  if (base.includes(':')) return { address: ipv6(base), prefix: Number(length) };
  const prefix = length === BITS ? BITS : BITS - IPV4_BITS + Number(length);
  return { address: MAPPED | ipv4(base), prefix };
}

const RESERVED = 'a reserved address';
const IPV4 = network('::ffff:0:0/96');
const NAT64 = network('64:ff9b::/96');
const COMPATIBLE = network('::/96');
const SIX_TO_FOUR = network('2002::/16');
const TEREDO = network('2001::/32');
/** The only IPv6 addresses that were given out. */
const GLOBAL = network('2000::/3');

/** From IANA's registries of special addresses; the first that fits names it. */
const SPECIAL: readonly (readonly [string, readonly IpNetwork[]])[] = (
  [
    ['an unspecified address', '0.0.0.0/8 ::/128'],
    ['a loopback address', '127.0.0.0/8 ::1/128'],
    [
      'an address of cloud metadata',
      '169.254.169.254 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::/32 fd20:ce::254',
    ],
    ['a link-local address', '169.254.0.0/16 fe80::/10'],
    ['a private address', '10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7 fec0::/10'],
    ['a carrier-grade NAT address', '100.64.0.0/10'],
    ['a multicast address', '224.0.0.0/4 ff00::/8'],
    [
      RESERVED,
      '192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 ' +
        '240.0.0.0/4 64:ff9b:1::/48 100::/64 2001:2::/48 2001:10::/28 2001:20::/28 2001:db8::/32 3fff::/20',
    ],
  ] as const
).map(([name, networks]) => [name, networks.split(' ').map(network)]);
