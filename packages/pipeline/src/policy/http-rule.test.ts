// What the rules of policy.http are about.

import { parseIp } from '@rivet/base';
import { processorMsOf } from '@rivet/testing';
import { describe, expect, it } from 'vitest';
import {
  httpHost,
  httpRuleAllows,
  httpRuleDenies,
  parseHttpRule,
  ruleDeniesAddress,
  ruleMatchesAddress,
  ruleMatchesName,
} from './http-rule.ts';

const matchesUrl = (rule: string, url: string): boolean =>
  ruleMatchesName(parseHttpRule(rule)!, httpHost(new URL(url)));
const matchesAddress = (rule: string, address: string, port = 443): boolean =>
  ruleMatchesAddress(parseHttpRule(rule)!, parseIp(address)!, port);

describe('a rule', () => {
  it.each([
    'https://example.com',
    'example.com/path',
    'exa mple.com',
    'user@example.com',
    'example.com:0',
    'example.com:65536',
    'example.com:https',
    '10.*',
    '10.0.0.0/33',
    '300.1.1.1',
    '-oProxyCommand=x',
    'a..b',
    '',
    ':80',
    '[::1',
    'x'.repeat(254),
  ])('is not made of %j', (text) => {
    expect(parseHttpRule(text)).toBeUndefined();
  });

  it('is read in time that grows with its length only', async () => {
    const read = (): void => {
      expect(parseHttpRule(`${'a-'.repeat(120)}!`)).toBeUndefined();
      expect(parseHttpRule(`${'a'.repeat(250)}!`)).toBeUndefined();
    };
    expect(await processorMsOf(read)).toBeLessThan(1000);
  });
});

describe('a rule by name', () => {
  it('is about that host on every port, whatever the case and the dot at its end', () => {
    expect(matchesUrl('API.example.com', 'https://api.EXAMPLE.com./x')).toBe(true);
    expect(matchesUrl('api.example.com', 'http://api.example.com:8080/')).toBe(true);
    expect(matchesUrl('api.example.com', 'https://example.com/')).toBe(false);
    expect(matchesUrl('api.example.com', 'https://api.example.com.evil.org/')).toBe(false);
  });

  it('takes * for any text, and * alone for every host', () => {
    expect(matchesUrl('*.example.com', 'https://a.b.example.com/')).toBe(true);
    expect(matchesUrl('*.example.com', 'https://example.com/')).toBe(false);
    expect(matchesUrl('*.example.com', 'https://notexample.com/')).toBe(false);
    expect(matchesUrl('*', 'https://example.com/')).toBe(true);
  });

  it('is about one port when it names one', () => {
    expect(matchesUrl('example.com:443', 'https://example.com/')).toBe(true);
    expect(matchesUrl('example.com:443', 'http://example.com/')).toBe(false);
  });

  it('is not about an address in a URL, unless it is * alone', () => {
    expect(matchesUrl('*.1', 'http://10.0.0.1/')).toBe(false);
    expect(matchesUrl('*', 'http://10.0.0.1/')).toBe(true);
  });
});

describe('a rule by address', () => {
  it('is about the addresses of its network', () => {
    expect(matchesAddress('10.0.0.0/8', '10.9.9.9')).toBe(true);
    expect(matchesAddress('10.0.0.0/8', '::ffff:10.9.9.9')).toBe(true);
    expect(matchesAddress('10.0.0.1', '10.0.0.2')).toBe(false);
    expect(matchesAddress('fd00::/8', 'fd12::1')).toBe(true);
  });

  it('is about one port when it names one', () => {
    expect(matchesAddress('10.0.0.0/8:443', '10.9.9.9')).toBe(true);
    expect(matchesAddress('[::1]:80', '::1')).toBe(false);
    expect(matchesAddress('[fd00::/8]:443', 'fd00::1')).toBe(true);
  });

  it('denies what an IPv6 address leads to by translation, and allows only the address itself', () => {
    const rule = parseHttpRule('10.0.0.0/8')!;
    const nat64 = parseIp('64:ff9b::10.0.0.1')!;
    expect(ruleDeniesAddress(rule, nat64, 443)).toBe(true);
    expect(ruleMatchesAddress(rule, nat64, 443)).toBe(false);
  });
});

describe('rules of two levels', () => {
  it.each([
    ['*.example.com', 'api.example.com', true],
    ['*.example.com', 'api.example.org', false],
    ['example.com:443', 'example.com', true],
    ['example.com:443', 'example.com:80', false],
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['10.0.0.0/8', '192.168.0.1', false],
    ['10.0.0.0/8', 'gitlab.intern', true],
  ])('%s may allow something of %s: %s', (outer, inner, expected) => {
    expect(httpRuleAllows(outer, inner)).toBe(expected);
  });

  it.each([
    ['*', 'example.com', true],
    ['*', '10.0.0.1', true],
    ['example.com:443', 'example.com', false],
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', 'gitlab.intern', false],
  ])('%s denies all of %s: %s', (outer, inner, expected) => {
    expect(httpRuleDenies(outer, inner)).toBe(expected);
  });
});
