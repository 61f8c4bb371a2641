// The process in which YAML is read and written: a line of JSON in, a line of JSON out.
import { runInThisContext } from 'node:vm';
import { decodeYaml, YamlError, YamlLimit } from './decode-yaml.ts';
import { encodeYaml } from './encode-yaml.ts';
import type { YamlAnswer, YamlRequest } from './yaml-value.ts';

/** Whoever asks has given up long before; this ends the process when nobody is there any more. */
const COMPUTE_MS = 60_000;

const tasks = globalThis as { rivetYamlTask?: () => string };
let received = '';

process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk: string) => {
  received += chunk;
  if (!chunk.endsWith('\n')) return;
  const line = received;
  received = '';
  tasks.rivetYamlTask = () => JSON.stringify(answer(JSON.parse(line) as YamlRequest));
  const text: unknown = runInThisContext('rivetYamlTask()', { timeout: COMPUTE_MS });
  process.stdout.write(`${String(text)}\n`);
});

function answer(request: YamlRequest): YamlAnswer {
  try {
    if (request.type === 'encode') {
      return { type: 'encoded', text: encodeYaml(request.value, request.pretty) };
    }
    return { type: 'decoded', value: decodeYaml(request.text, request.all) };
  } catch (error) {
    if (error instanceof YamlError) return { type: 'mistake', mistake: error.mistake };
    if (error instanceof YamlLimit) {
      return { type: 'limit', found: error.message, limit: error.limit };
    }
    // The library calls itself for each level; whatever is nested so deeply is over every limit.
    if (error instanceof RangeError) {
      return { type: 'limit', found: 'is nested too deeply', limit: '100 levels' };
    }
    throw error;
  }
}
