// `rivet migrate` against a database: the schema, and the administrator who is made with it.
import { randomBytes } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@rivet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliRun, cli } from '../testing/run-cli.ts';

const PASSWORD = 'correct horse battery staple';

let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.url, RIVET_MASTER_KEY: randomBytes(32).toString('base64') };
});
afterAll(() => database?.drop());

const migrate = (...args: string[]): CliRun => cli('migrate', ...args).env(env);

test('a database that is up to date stays as it is', async () => {
  await migrate().exits(0).stdout('{"event":"migrated","migrations":[]}\n').run();
});

test('an administrator is made with the password of standard input, which is shown nowhere', async () => {
  const made = await migrate('--admin', 'ada', '--password-stdin')
    .stdin(`${PASSWORD}\n`)
    .exits(0)
    .stdout(/\{"event":"administrator","name":"ada","created":true\}\n$/)
    .run();
  expect(made.stdout + made.stderr).not.toContain(PASSWORD);
  await migrate('--admin', 'ada', '--password-stdin')
    .stdin(`${PASSWORD} 2\n`)
    .exits(0)
    .stdout(/"created":false/)
    .run();
});

test('what cannot be done is said, and changes nothing', async () => {
  await migrate('--password-stdin')
    .exits(2)
    .stderr(/--admin NAME/)
    .run();
  await migrate('--admin', 'bob')
    .exits(2)
    .stderr(/--password-stdin/)
    .run();
  await migrate('--admin', 'bob', PASSWORD).exits(2).run();
  await migrate('--admin', 'bob', '--password-stdin')
    .stdin('password1234\n')
    .exits(2)
    .stderr(/RIVET_AUTH_PASSWORD_WEAK/)
    .run();
  await migrate('--admin', 'Bob!', '--password-stdin')
    .stdin(`${PASSWORD}\n`)
    .exits(2)
    .stderr(/RIVET_USER_NAME/)
    .run();
  await migrate('--admin', 'bob', '--password-stdin')
    .env({ RIVET_MASTER_KEY: '' })
    .stdin(`${PASSWORD}\n`)
    .exits(2)
    .stderr(/RIVET_MASTER_KEY_MISSING/)
    .run();
});
