// PostgreSQL: the one that DATABASE_URL names. Whether it answers at all; the orchestrator checks
// the rest.
import { once } from 'node:events';
import { connect } from 'node:net';
import { describeThrown } from '@rivet/base';
import type { DoctorInput, Finding } from './findings.ts';

const CONNECT_MS = 5_000;

export async function databaseFindings({ env }: DoctorInput): Promise<Finding[]> {
  const url = env.RIVET_DATABASE_URL || env.DATABASE_URL || '';
  if (url === '') {
    return [
      {
        subject: 'Database',
        level: 'ok',
        seen: 'none named: "rivet dev" brings its own, "rivet orchestrator start" needs DATABASE_URL',
        fix: undefined,
      },
    ];
  }
  return Promise.all(hostsOf(url).map(connectFinding));
}

/** One URL for each host of one. */
function hostsOf(url: string): string[] {
  const [, before = '', hosts = '', after = ''] =
    /^(\w+:\/\/(?:[^/?#]*@)?)([^/?#@]*)(.*)$/.exec(url) ?? [];
  return before === '' ? [url] : hosts.split(',').map((host) => `${before}${host}${after}`);
}

async function connectFinding(url: string): Promise<Finding> {
  const problem = (seen: string, fix: string): Finding => ({
    subject: 'Database',
    level: 'problem',
    seen,
    fix,
  });
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^postgres(ql)?:$/.test(parsed.protocol)) {
    return problem(
      'DATABASE_URL is no PostgreSQL address',
      'Write it like postgres://user:password@host:5432/database.',
    );
  }
  // The password never leaves the variable: only host and port are shown.
  const host = parsed.hostname === '' ? 'localhost' : parsed.hostname;
  const port = parsed.port === '' ? 5432 : Number(parsed.port);
  const socketDirectory = parsed.searchParams.get('host');
  const target =
    socketDirectory?.startsWith('/') === true
      ? { path: `${socketDirectory}/.s.PGSQL.${port}` }
      : { host: host.replace(/^\[(.*)\]$/, '$1'), port };
  const name = 'path' in target ? target.path : `${host}:${port}`;
  const socket = connect({ ...target, timeout: CONNECT_MS });
  try {
    await Promise.race([
      once(socket, 'connect'),
      once(socket, 'timeout').then(() => Promise.reject(new Error('no answer'))),
    ]);
    return { subject: 'Database', level: 'ok', seen: `${name} answers`, fix: undefined };
  } catch (error) {
    return problem(
      `${name} does not answer: ${describeThrown(error)}`,
      'Start PostgreSQL, or correct DATABASE_URL.',
    );
  } finally {
    socket.destroy();
  }
}
