// Addresses of databases, as people write them.
import { describe, expect, it } from 'vitest';
import { readDatabasePlace } from './database-place.ts';

describe('the URL of a database', () => {
  it('with one host is used as it is', () => {
    const url = 'postgres://u:p%40ss@db/rivet?sslmode=require';
    expect(readDatabasePlace(url)).toEqual({
      urls: [url],
      wanted: 'any',
      address: 'db:5432/rivet',
    });
  });

  it('with several hosts is one for each, and the one that takes writes is wanted', () => {
    expect(readDatabasePlace('postgresql://u:p@one:5433,two,[::1]:5434/rivet')).toEqual({
      urls: [
        'postgresql://u:p@one:5433/rivet',
        'postgresql://u:p@two/rivet',
        'postgresql://u:p@[::1]:5434/rivet',
      ],
      wanted: 'writes',
      address: 'one:5433,two:5432,[::1]:5434/rivet',
    });
  });

  it.each([
    ['any', 'any'],
    ['read-write', 'writes'],
    ['primary', 'writes'],
    ['standby', 'reads'],
  ])('says with target_session_attrs=%s which host is wanted', (attribute, wanted) => {
    const url = `postgres://u@one,two/rivet?target_session_attrs=${attribute}&sslmode=disable`;
    const place = readDatabasePlace(url);
    expect(place.wanted).toBe(wanted);
    expect(place.urls[0]).toBe('postgres://u@one/rivet?sslmode=disable');
  });

  it('may name the directory of a socket', () => {
    const url = 'postgres:///rivet?host=/var/run/postgresql';
    expect(readDatabasePlace(url).urls).toEqual([url]);
  });

  it.each([
    ['', 'empty'],
    ['mysql://u@h/db', 'not a PostgreSQL URL'],
    ['postgres://u:p@one:x,two/rivet', 'not a PostgreSQL URL'],
    ['one,two/rivet', 'not a PostgreSQL URL'],
    ['postgres://u:secret@h/db?target_session_attrs=fast', 'target_session_attrs=fast'],
  ])('%j is refused without showing it', (url, found) => {
    const read = () => readDatabasePlace(url, 'RIVET_DATABASE_READER_URL');
    expect(read).toThrow(found);
    expect(read).toThrow('RIVET_DATABASE_READER_URL is');
    expect(read).not.toThrow('secret');
  });
});
