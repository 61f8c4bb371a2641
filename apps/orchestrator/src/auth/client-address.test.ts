// Addresses of clients: one form for each, and one network for whoever has many.
import { expect, test } from 'vitest';
import { clientAddress, clientNetwork } from './client-address.ts';

test.each([
  ['10.0.0.1', '10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1', '10.0.0.1'],
  ['::FFFF:0A00:0001', '10.0.0.1', '10.0.0.1'],
  ['::1', '::1', '0000000000000000/64'],
  ['2001:DB8::1', '2001:db8::1', '20010db800000000/64'],
  ['2001:db8:0:0:ffff::', '2001:db8:0:0:ffff::', '20010db800000000/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::1', '20010db800000001/64'],
  ['fe80::1%eth0', 'fe80::1', 'fe80000000000000/64'],
  ['unix:', '0.0.0.0', '0.0.0.0'],
  ['', '0.0.0.0', '0.0.0.0'],
])('%s is %s of %s', (ip, address, network) => {
  expect(clientAddress(ip)).toBe(address);
  expect(clientNetwork(ip)).toBe(network);
});
