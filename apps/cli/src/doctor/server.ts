// The server, and whether a token is needed for it.
import { toRivetError } from '@rivet/base';
import { createClient } from '@rivet/protocol';
import type { DoctorInput, Finding } from './findings.ts';

const ANSWER_MS = 5_000;

export async function serverFindings(input: DoctorInput): Promise<Finding[]> {
  return [
    await serverFinding(input),
    {
      subject: 'Token',
      level: 'ok',
      seen: 'not needed: this version has no authentication, so servers listen on loopback only',
      fix: undefined,
    },
  ];
}

async function serverFinding({ config, wantsServer, signal }: DoctorInput): Promise<Finding> {
  const client = createClient({ url: config.url, userAgent: 'rivet-doctor', triesMax: 1 });
  try {
    const { items } = await client.listRunners({ signal, timeoutMs: ANSWER_MS });
    const online = items.filter((runner) => runner.state === 'online').length;
    if (online > 0) {
      const seen = `${config.url} answers, ${online} of ${items.length} runners are online`;
      return { subject: 'Server', level: 'ok', seen, fix: undefined };
    }
    return {
      subject: 'Server',
      level: 'note',
      seen: `${config.url} answers, but no runner is online: jobs will wait`,
      fix: 'Start one with: rivet runner start',
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!wantsServer) {
      return {
        subject: 'Server',
        level: 'ok',
        seen: `none at ${config.url}: not needed for "rivet run"; "rivet dev" starts one`,
        fix: undefined,
      };
    }
    const { message, solve } = toRivetError(error);
    return { subject: 'Server', level: 'problem', seen: message, fix: solve };
  }
}
