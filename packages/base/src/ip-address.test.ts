// Addresses, networks, and what an address is for.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { embeddedIpv4, networkHas, parseIp, parseIpNetwork, specialAddress } from './ip-address.ts';

const kind = (text: string) => specialAddress(parseIp(text)!);

describe('an address', () => {
  it('is the same in all its spellings', () => {
    expect(parseIp('::ffff:10.0.0.1')).toBe(parseIp('10.0.0.1'));
    expect(parseIp('::ffff:a00:1')).toBe(parseIp('10.0.0.1'));
    expect(parseIp('1:0:0:0:0:0:0:2')).toBe(parseIp('1::2'));
    expect(parseIp('fe80::1%eth0')).toBe(parseIp('fe80::1'));
  });

  it('is not made of what is none', () => {
    for (const text of ['', 'localhost', '1.2.3', '0x7f.1', '2130706433', '1::2::3', '1.2.3.4/8']) {
      expect(parseIp(text), text).toBeUndefined();
    }
  });

  it('keeps its number whatever the groups (property)', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const expected = groups.reduce((value, each) => (value << 16n) | BigInt(each), 0n);
        const text = groups.map((each) => each.toString(16)).join(':');
        expect(parseIp(text)).toBe(expected);
        expect(parseIp(new URL(`http://[${text}]`).hostname.slice(1, -1))).toBe(expected);
      }),
    );
  });
});

describe('a network', () => {
  it('has the addresses that share its prefix', () => {
    const private10 = parseIpNetwork('10.0.0.0/8')!;
    expect(networkHas(private10, parseIp('10.255.0.1')!)).toBe(true);
    expect(networkHas(private10, parseIp('11.0.0.0')!)).toBe(false);
    expect(networkHas(private10, parseIp('a00::1')!)).toBe(false);
    expect(networkHas(parseIpNetwork('::1')!, parseIp('::1')!)).toBe(true);
    expect(networkHas(parseIpNetwork('0.0.0.0/0')!, parseIp('::1')!)).toBe(false);
  });

  it('is not made of what is none', () => {
    for (const text of ['10.0.0.0/33', '::/129', '10.0.0.0/-1', '10.0.0.0/', '*/8', '']) {
      expect(parseIpNetwork(text), text).toBeUndefined();
    }
  });
});

describe('what an address is for', () => {
  it.each([
    ['8.8.8.8', undefined],
    ['2606:4700::1111', undefined],
    ['0.1.2.3', 'an unspecified address'],
    ['::', 'an unspecified address'],
    ['127.9.9.9', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['169.254.169.254', 'an address of cloud metadata'],
    ['fd00:ec2::254', 'an address of cloud metadata'],
    ['169.254.1.1', 'a link-local address'],
    ['fe80::1%2', 'a link-local address'],
    ['172.31.255.255', 'a private address'],
    ['172.32.0.0', undefined],
    ['fd12::1', 'a private address'],
    ['100.64.0.1', 'a carrier-grade NAT address'],
    ['239.0.0.1', 'a multicast address'],
    ['ff02::1', 'a multicast address'],
    ['255.255.255.255', 'a reserved address'],
    ['192.0.2.1', 'a reserved address'],
    ['4000::1', 'a reserved address'],
    ['::ffff:169.254.169.254', 'an address of cloud metadata'],
    ['64:ff9b::127.0.0.1', 'a loopback address'],
    ['64:ff9b::8.8.8.8', undefined],
    ['2002:a00:1::1', 'a private address'],
    ['2001:0:1:1:1:1:f5ff:fffe', 'a private address'],
    ['::169.254.169.254', 'an address of cloud metadata'],
  ])('%s is %s', (text, expected) => {
    expect(kind(text)).toBe(expected);
  });

  it('finds the IPv4 address that an IPv6 address leads to', () => {
    expect(embeddedIpv4(parseIp('64:ff9b::10.1.2.3')!)).toBe(parseIp('10.1.2.3'));
    expect(embeddedIpv4(parseIp('2606:4700::1111')!)).toBeUndefined();
    expect(embeddedIpv4(parseIp('::1')!)).toBeUndefined();
  });
});
