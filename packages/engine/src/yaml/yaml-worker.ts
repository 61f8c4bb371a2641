// The thread in which YAML is read and written, so that a hard text keeps nobody else waiting.
import { parentPort } from 'node:worker_threads';
import { decodeYaml, YamlError, YamlLimit } from './decode-yaml.ts';
import { encodeYaml } from './encode-yaml.ts';
import type { YamlAnswer, YamlRequest } from './yaml-value.ts';

parentPort?.on('message', (request: YamlRequest) => parentPort?.postMessage(answer(request)));

function answer(request: YamlRequest): YamlAnswer {
  try {
    if (request.type === 'encode') {
      return { type: 'encoded', text: encodeYaml(request.value, request.pretty) };
    }
    return { type: 'decoded', value: JSON.stringify(decodeYaml(request.text, request.all)) };
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
