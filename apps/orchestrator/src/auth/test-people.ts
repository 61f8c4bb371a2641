// For tests: people with passwords, and requests as they come from a network.
import { randomUUID } from 'node:crypto';
import { uuidv7 } from '@rivet/base';
import { type Client, createClient, type Role, type SessionTokens } from '@rivet/protocol';
import { type Database, insertUser } from '@rivet/store';
import { createPasswords } from './passwords.ts';

export const passwords = createPasswords();

/** The password of everybody whom a test makes. */
export const PASSWORD = 'correct horse battery';

export interface PersonWithPassword {
  readonly id: string;
  readonly name: string;
}

let passwordHash: Promise<string> | undefined;

/** Makes a user who signs in with `PASSWORD`. */
export async function seedPersonWithPassword(
  database: Database,
  role: Role = 'user',
  name = `${role}-${randomUUID().slice(0, 8)}`,
): Promise<PersonWithPassword> {
  passwordHash ??= passwords.hash(PASSWORD);
  const id = uuidv7();
  await insertUser(database, { id, name, role, passwordHash: await passwordHash });
  return { id, name };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly code: string | undefined;
}

/** Sends a request as it stands. */
export async function send(
  url: string,
  { method = 'GET', token, body }: { method?: string; token?: string; body?: unknown } = {},
): Promise<RawAnswer> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = text.startsWith('{') ? (JSON.parse(text) as { code?: string }) : {};
  return { status: response.status, headers: response.headers, text, code: json.code };
}

/** Signs in, without ever trying again. */
export function signIn(url: string, name: string, password = PASSWORD): Promise<SessionTokens> {
  return createClient({ url, triesMax: 1 }).login({ body: { name, password } });
}

/** A client that speaks with an access token. */
export function clientWith(url: string, { access_token }: SessionTokens): Client {
  return createClient({ url, token: access_token, triesMax: 1 });
}
