// Hiding 100 secrets in a log: the engine's automaton beside one regular expression of all forms.
import { createRedactor, secretForms } from '@rivet/engine';
import { alternate, type Benchmark, row } from './measure.ts';

const SECRETS = Array.from({ length: 100 }, (_, at) => {
  const text = Buffer.from(String(Math.sin(at + 1))).toString('base64');
  return `tok_${text.slice(0, 20)}/${at}&x=${text.slice(3, 12)}`;
});
const LINES = [
  '2026-11-21T06:19:15.123Z INFO  [worker-3] Compiling module src/engine/stream.ts (took 132ms)',
  '   Compiling serde_json v1.0.128 (registry+https://example.com/index#9f86d081884c7d659a2feaa0c5)',
  '\u001b[32m✓\u001b[39m packages/engine/src/run-job.test.ts \u001b[2m(42 tests)\u001b[22m 1432ms',
  'eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0',
];
const CHUNK_BYTES = 64 * 1024;
const CHUNKS = 400;

export const redactionBenchmark: Benchmark = {
  name: 'redaction',
  about: 'hiding 100 secrets, in all their forms, in a log of plain lines',
  async run(rounds) {
    const chunk = logChunk();
    const redactor = createRedactor();
    for (const secret of SECRETS) redactor.add(secret, 'a secret');
    const ours = async (): Promise<number> => {
      const stream = redactor.stream();
      return megabytesPerSecond(CHUNKS * chunk.length, () => {
        let kept = 0;
        for (let count = 0; count < CHUNKS; count += 1) kept += stream.push(chunk).length;
        return kept + stream.end().length;
      });
    };
    const pattern = new RegExp(allForms().map(escapePattern).join('|'), 'g');
    const peer = async (): Promise<number> =>
      megabytesPerSecond(CHUNKS * chunk.length, () => {
        let kept = 0;
        for (let count = 0; count < CHUNKS; count += 1) {
          kept += Buffer.from(chunk.toString('utf8').replaceAll(pattern, '***')).length;
        }
        return kept;
      });
    const against = 'one regular expression of all forms, a chunk at a time';
    const measured = await alternate(rounds, ours, peer);
    return row({ name: 'redaction, one core', against, unit: 'MB/s', ...measured });
  },
};

function logChunk(): Buffer {
  const lines = Buffer.from(`${LINES.join('\n')}\n`);
  const count = Math.floor(CHUNK_BYTES / lines.length);
  return Buffer.concat(Array.from({ length: count }, () => lines));
}

/** Longer ones first, as the first alternative that fits wins. */
function allForms(): string[] {
  const forms = SECRETS.flatMap((secret) => secretForms(secret));
  return forms
    .map(({ bytes }) => Buffer.from(bytes).toString('utf8'))
    .sort((a, b) => b.length - a.length);
}

function escapePattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/**
 * By the time that the processor worked on it: a log takes as much of a busy machine as of an idle
 * one.
 * @param work gives the bytes that are left; it must be all of them
 */
function megabytesPerSecond(bytes: number, work: () => number): number {
  const before = process.cpuUsage();
  const kept = work();
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  if (kept !== bytes) throw new Error(`${kept} bytes are left of ${bytes} without a secret`);
  return bytes / 1e6 / seconds;
}
