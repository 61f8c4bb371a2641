// Holds migrations against what is safe on a database that others use. What the rules say, and what
// to do instead, stands in docs/architecture.md#migrations.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConcurrentIndex } from './concurrent-index.ts';
import { migrationsDirectory } from './migrator.ts';

/** Migrations up to this one were written when orchestrators were stopped for an update. */
const LAST_BEFORE_RULES = '0017_connect_number';

/** Tables that have few rows: they grow with people, runners and pipelines. */
const SMALL = new Set(
  `api_keys attempt_limits audit_head cluster_heartbeat concurrency_groups concurrency_shares grants
   installation oidc_codes oidc_sign_ins pipeline_versions pipelines registration_tokens
   rivet_migrations runners schema_compatibility secret_grants secret_versions secrets sessions
   setup_tokens signing_keys team_members teams user_identities users`.split(/\s+/),
);
/** Tables that grow with jobs. */
const LARGE = new Set(
  `audit_log concurrency_members idempotency_keys job_attempts job_logs job_outputs job_queue
   job_secret_inputs job_stages jobs running_attempts`.split(/\s+/),
);

interface Rule {
  readonly says: string;
  /** A statement, in one line and without comments; its first group may name the table. */
  readonly pattern: RegExp;
  /** Whether it is allowed on tables with few rows. */
  readonly smallToo?: boolean;
  /** Whether it is allowed where the same migration shuts out programs of before. */
  readonly breaking?: boolean;
}

const TABLE = '(?:ONLY )?(?:IF EXISTS )?([a-z_]+)';
const rules: readonly Rule[] = [
  {
    says: 'makes an index while writers wait: use CREATE INDEX CONCURRENTLY, alone in its file',
    pattern: new RegExp(`^CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY).* ON ${TABLE}`, 'i'),
  },
  {
    says: 'reads the whole table while everybody waits: add the constraint NOT VALID',
    pattern: new RegExp(
      `^ALTER TABLE ${TABLE}.* ADD (?:CONSTRAINT \\w+ )?(?:CHECK|FOREIGN KEY)(?!.*NOT VALID)`,
      'i',
    ),
  },
  {
    says: 'makes an index while everybody waits: add UNIQUE and PRIMARY KEY USING INDEX',
    pattern: new RegExp(
      `^ALTER TABLE ${TABLE}.* (?:ADD (?:CONSTRAINT \\w+ )?|ADD COLUMN [^,]* )(?:UNIQUE|PRIMARY KEY)(?!.* USING INDEX)`,
      'i',
    ),
  },
  {
    says: 'reads the whole table while everybody waits: add the column, and the rule NOT VALID',
    pattern: new RegExp(`^ALTER TABLE ${TABLE}.* ADD COLUMN [^;]*\\b(?:CHECK|REFERENCES)\\b`, 'i'),
  },
  {
    says: 'reads the whole table while everybody waits: a CHECK (… IS NOT NULL) NOT VALID does as well',
    pattern: new RegExp(`^ALTER TABLE ${TABLE}.* SET NOT NULL`, 'i'),
  },
  {
    says: 'writes the whole table anew while everybody waits: add a column of that type',
    pattern: new RegExp(`^ALTER TABLE ${TABLE}.* ALTER (?:COLUMN )?\\w+ (?:SET DATA )?TYPE`, 'i'),
    smallToo: true,
  },
  {
    says: 'writes the whole table anew while everybody waits: add the column without that default',
    pattern: new RegExp(
      `^ALTER TABLE ${TABLE}.* ADD COLUMN [^;]*\\b(?:DEFAULT [^,]*(?:random_uuid|random\\(|clock_timestamp|nextval)|(?:big|small)?serial|GENERATED)\\b`,
      'i',
    ),
  },
  {
    says: 'fails where there are rows, and programs of before do not set it: give it a default',
    pattern: new RegExp(
      `^ALTER TABLE ${TABLE}.* ADD COLUMN (?=[^,;]*NOT NULL)(?![^,;]*DEFAULT)`,
      'i',
    ),
    smallToo: true,
  },
  {
    says: 'changes every row in one transaction: let a duty do it, some rows at a time',
    pattern: /^(?:WITH .*)?(?:UPDATE|DELETE FROM) (?:ONLY )?([a-z_]+)/i,
  },
  {
    says: 'keeps everybody out for as long as the migration takes',
    pattern: /^(?:LOCK(?: TABLE)?|CLUSTER|VACUUM FULL|REINDEX TABLE|TRUNCATE)\b\s*([a-z_]*)/i,
    smallToo: true,
  },
  {
    says: 'takes away what programs of before use: raise schema_compatibility with it',
    pattern: /^(?:DROP TABLE|ALTER TABLE .*(?:DROP COLUMN|RENAME))/i,
    smallToo: true,
    breaking: true,
  },
  {
    says: 'checks rows while the locks of the statements before it are held: use a file of its own',
    pattern: new RegExp(`^ALTER TABLE ${TABLE}.* VALIDATE CONSTRAINT`, 'i'),
    smallToo: true,
  },
];

/** What is unsafe in a migration, as sentences. */
function unsafe(sql: string): string[] {
  if (parseConcurrentIndex(sql) !== undefined) return [];
  const statements = statementsOf(sql);
  const made = new Set(
    statements.flatMap(
      (text) => /^CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)/i.exec(text)?.[1] ?? [],
    ),
  );
  const shutsOut = statements.some((text) => /^UPDATE schema_compatibility/i.test(text));
  return statements.flatMap((text) => {
    const broken = rules.filter(({ pattern, smallToo, breaking }) => {
      const [found, table = ''] = pattern.exec(text) ?? [];
      if (found === undefined || made.has(table)) return false;
      if (breaking === true && shutsOut) return false;
      if (text.includes('VALIDATE CONSTRAINT') && statements.length === 1) return false;
      return smallToo === true || !SMALL.has(table);
    });
    return broken.map(({ says }) => `${says}: ${text}`);
  });
}

/** Without comments and bodies of functions, each in one line. */
function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/--.*$/gm, '')
    .replaceAll(/\$(\w*)\$[\s\S]*?\$\1\$/g, "''")
    .split(';')
    .map((text) => text.replaceAll(/\s+/g, ' ').trim())
    .filter((text) => text !== '');
}

const files = (await readdir(migrationsDirectory)).filter((name) => /^\d{4}_.*\.sql$/.test(name));

test.each(files.filter((name) => name > `${LAST_BEFORE_RULES}.sql`).sort())(
  '%s can run while everybody works',
  async (name) => {
    expect(unsafe(await readFile(join(migrationsDirectory, name), 'utf8'))).toEqual([]);
  },
);

test('each table of the schema is known as one with few rows or with many', async () => {
  const schema = await readFile(join(migrationsDirectory, 'schema.sql'), 'utf8');
  const tables = [...schema.matchAll(/^CREATE TABLE ([a-z_]+)/gm)].map(([, name]) => name);
  expect(tables.sort()).toEqual([...SMALL, ...LARGE].sort());
});

describe('a migration is refused that', () => {
  test.each([
    ['makes an index while writers wait', 'CREATE INDEX a ON jobs (state)'],
    ['makes an index while writers wait', 'CREATE UNIQUE INDEX IF NOT EXISTS a ON job_logs (a)'],
    ['reads the whole table', "ALTER TABLE jobs ADD CONSTRAINT a CHECK (state <> '')"],
    ['reads the whole table', 'ALTER TABLE jobs ADD FOREIGN KEY (a) REFERENCES b (c)'],
    ['reads the whole table', 'ALTER TABLE jobs ADD COLUMN a int CHECK (a > 0)'],
    [
      'reads the whole table',
      'ALTER TABLE jobs\n  ADD COLUMN a int,\n  ALTER COLUMN b SET NOT NULL',
    ],
    ['makes an index while everybody waits', 'ALTER TABLE audit_log ADD CONSTRAINT a UNIQUE (b)'],
    ['makes an index while everybody waits', 'ALTER TABLE jobs ADD COLUMN a int UNIQUE'],
    ['writes the whole table anew', 'ALTER TABLE runners ALTER COLUMN a TYPE bigint'],
    ['writes the whole table anew', 'ALTER TABLE jobs ADD COLUMN a uuid DEFAULT gen_random_uuid()'],
    ['writes the whole table anew', 'ALTER TABLE jobs ADD COLUMN a bigserial'],
    [
      'writes the whole table anew',
      'ALTER TABLE jobs ADD COLUMN a int GENERATED ALWAYS AS (1) STORED',
    ],
    ['fails where there are rows', 'ALTER TABLE runners ADD COLUMN a integer NOT NULL'],
    ['changes every row', "UPDATE jobs SET state = 'a'"],
    ['changes every row', 'DELETE FROM ONLY job_logs'],
    ['keeps everybody out', 'LOCK TABLE runners'],
    ['takes away what programs of before use', 'ALTER TABLE runners DROP COLUMN tags'],
    ['takes away what programs of before use', 'ALTER TABLE runners RENAME COLUMN tags TO words'],
    ['takes away what programs of before use', 'DROP TABLE runners'],
    [
      'checks rows while the locks',
      'ALTER TABLE jobs ADD CONSTRAINT a CHECK (b) NOT VALID; ALTER TABLE jobs VALIDATE CONSTRAINT a',
    ],
  ])('%s: %s', (says, sql) => {
    expect(unsafe(`-- What for.\n${sql};`)).toEqual([expect.stringContaining(says)]);
  });
});

test.each([
  'CREATE TABLE a (b int); CREATE INDEX c ON a (b); ALTER TABLE a ALTER COLUMN b SET NOT NULL;',
  'CREATE INDEX a ON runners (name);',
  'CREATE INDEX CONCURRENTLY a ON jobs (state);',
  'ALTER TABLE jobs ADD COLUMN a integer NOT NULL DEFAULT 0;',
  'ALTER TABLE jobs ADD COLUMN a integer; -- CREATE INDEX b ON jobs (a);',
  "ALTER TABLE jobs ADD CONSTRAINT a CHECK (state <> '') NOT VALID;",
  'ALTER TABLE jobs VALIDATE CONSTRAINT a;',
  'DROP TABLE runners; UPDATE schema_compatibility SET needs_migration = 18;',
  'CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE jobs SET state = 1; $$;',
  'UPDATE runners SET tags = tags;',
])('is let through: %s', (sql) => {
  expect(unsafe(sql)).toEqual([]);
});
