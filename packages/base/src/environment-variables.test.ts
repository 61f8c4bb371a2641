// Settings from environment variables: defaults, kinds, errors that name the variable.
import { describe, expect, it } from 'vitest';
import {
  choiceSetting,
  durationSetting,
  integerSetting,
  readSettings,
  textSetting,
  unknownVariables,
} from './environment-variables.ts';

const settings = {
  RIVET_PORT: integerSetting(7450, 1, 65_535),
  RIVET_LOG_LEVEL: choiceSetting('info', ['debug', 'info']),
  RIVET_GRACE: durationSetting(10_000),
  RIVET_NAME: textSetting(undefined),
};

describe('readSettings', () => {
  it('takes the fallback of what is not set or empty', () => {
    expect(readSettings(settings, { RIVET_PORT: '' })).toEqual({
      RIVET_PORT: 7450,
      RIVET_LOG_LEVEL: 'info',
      RIVET_GRACE: 10_000,
      RIVET_NAME: undefined,
    });
  });

  it('reads each kind', () => {
    const env = { RIVET_PORT: '80', RIVET_LOG_LEVEL: 'debug', RIVET_GRACE: '2m', RIVET_NAME: 'a' };
    expect(readSettings(settings, env)).toEqual({
      RIVET_PORT: 80,
      RIVET_LOG_LEVEL: 'debug',
      RIVET_GRACE: 120_000,
      RIVET_NAME: 'a',
    });
  });

  it.each([
    ['RIVET_PORT', '0x50', 'RIVET_PORT is "0x50"; expected a whole number from 1 to 65535'],
    ['RIVET_PORT', '65536', 'RIVET_PORT is "65536"; expected a whole number from 1 to 65535'],
    ['RIVET_LOG_LEVEL', 'loud', 'RIVET_LOG_LEVEL is "loud"; expected one of debug, info'],
    [
      'RIVET_GRACE',
      '5 bananas',
      'RIVET_GRACE is "5 bananas"; expected a duration such as 90s or 5m',
    ],
  ])('refuses %s=%s', (key, value, message) => {
    expect(() => readSettings(settings, { [key]: value })).toThrow(message);
  });
});

it('unknownVariables names the nearest known one', () => {
  expect(unknownVariables(Object.keys(settings), { RIVET_PROT: '1', PATH: '/bin' })).toEqual([
    { name: 'RIVET_PROT', nearest: 'RIVET_PORT' },
  ]);
});
