// The server: whether it answers, whether its clock is ours, who we are there, and its runners.
import { stat } from 'node:fs/promises';
import { isRivetError, toRivetError } from '@rivet/base';
import { type Client, createClient } from '@rivet/protocol';
import { configPath, readConfigFile } from '../config-file.ts';
import { authorizedFetch, credentialsFor } from '../credentials.ts';
import { type Fetch, fetchFor } from '../server-fetch.ts';
import type { DoctorInput, Finding } from './findings.ts';

const ANSWER_MS = 5_000;
/** Tokens and certificates allow for less than this. */
const CLOCK_MS_MAX = 30_000;

export async function serverFindings(input: DoctorInput): Promise<Finding[]> {
  const { server, wantsServer, env, signal } = input;
  const config = await configFinding(input);
  let date: string | null = null;
  const options = { url: server.url, userAgent: 'rivet-doctor', triesMax: 1 };
  const limits = { signal, timeoutMs: ANSWER_MS };
  try {
    const fetch = await fetchFor(server, env);
    const noting: Fetch = async (...args) => {
      const response = await fetch(...args);
      date = response.headers.get('date');
      return response;
    };
    await createClient({ ...options, fetch: noting }).getHealth(limits);
  } catch (error) {
    signal.throwIfAborted();
    return [...config, unreachable(input, error)];
  }
  const answers = good('Server', `${server.url} answers`);
  const clock = clockFinding(date, Date.now());
  try {
    const credentials = await credentialsFor(server, env);
    const client = createClient({
      ...options,
      fetch: authorizedFetch(server.url, credentials, await fetchFor(server, env)),
    });
    const { name, role, via, permissions } = await client.getMe(limits);
    const by = via === 'api_key' ? 'an API key' : 'a session';
    const signedIn = good('Sign-in', `as ${name} (${role}), with ${by}`);
    const runners = permissions.includes('runners.view')
      ? [await runnersFinding(client, limits)]
      : [];
    return [...config, answers, ...clock, signedIn, ...runners];
  } catch (error) {
    signal.throwIfAborted();
    const { message, solve } = toRivetError(error);
    // Who has not signed in anywhere may want none of it.
    const level = wantsServer || !isRivetError(error, 'RIVET_AUTH_REQUIRED') ? 'problem' : 'note';
    return [...config, answers, ...clock, { subject: 'Sign-in', level, seen: message, fix: solve }];
  }
}

function unreachable({ server, wantsServer }: DoctorInput, error: unknown): Finding {
  if (!wantsServer) {
    const seen = `none at ${server.url}: not needed for "rivet run"; "rivet dev" starts one`;
    return good('Server', seen);
  }
  const { message, solve } = toRivetError(error);
  return { subject: 'Server', level: 'problem', seen: message, fix: solve };
}

/** @param date the header of an answer that has just come */
export function clockFinding(date: string | null, now: number): Finding[] {
  const theirs = Date.parse(date ?? '');
  const aheadMs = now - theirs;
  if (Number.isNaN(theirs) || Math.abs(aheadMs) <= CLOCK_MS_MAX) return [];
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const seen = `this machine is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the server`;
  const fix = 'Set both by a time server, for example with chrony or systemd-timesyncd.';
  return [{ subject: 'Clock', level: 'note', seen, fix }];
}

async function runnersFinding(
  client: Client,
  limits: { signal: AbortSignal; timeoutMs: number },
): Promise<Finding> {
  const { items } = await client.listRunners(limits);
  const online = items.filter((runner) => runner.state === 'online').length;
  const seen = `${online} of ${items.length} online`;
  if (online > 0) return good('Runners', seen);
  const fix = 'Start one with: rivet runner start';
  return { subject: 'Runners', level: 'note', seen: `${seen}: jobs will wait`, fix };
}

/** Nothing where there is no file. */
async function configFinding({ env }: DoctorInput): Promise<Finding[]> {
  const path = configPath(env);
  const mode = await stat(path).then(
    (found) => found.mode & 0o777,
    () => undefined,
  );
  if (mode === undefined) return [];
  const { contexts } = await readConfigFile(env);
  const shown = mode.toString(8).padStart(4, '0');
  const holdsTokens = [...contexts.values()].some(
    ({ api_key, refresh_token }) => api_key !== undefined || refresh_token !== undefined,
  );
  if (!holdsTokens || (mode & 0o077) === 0)
    return [good('Configuration', `${path}, mode ${shown}`)];
  return [
    {
      subject: 'Configuration',
      level: 'problem',
      seen: `${path} holds tokens, and its mode ${shown} lets others read them`,
      fix: `chmod 600 ${path}; if others use this machine, sign in anew: rivet logout, rivet login`,
    },
  ];
}

function good(subject: string, seen: string): Finding {
  return { subject, level: 'ok', seen, fix: undefined };
}
