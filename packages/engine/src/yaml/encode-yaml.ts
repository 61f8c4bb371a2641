// Writes values as YAML 1.2 that YAML 1.1 programs read the same way.
import { Document, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { isList, type YamlValue } from './yaml-value.ts';

const NUMBERS = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
};
const NUMBER_TEXTS = { nan: '.nan', inf: '.inf', '-inf': '-.inf' };

/** @param pretty on several lines, in block style; otherwise on one, in brackets and quotes */
export function encodeYaml(value: YamlValue, pretty: boolean): string {
  if (!pretty) return `${onOneLine(value)}\n`;
  const document = new Document(null, {
    version: '1.2',
    schema: 'core',
    // Quotes what older programs would take for a bool or a time: `yes`, `on`, `12:30`.
    compat: 'yaml-1.1',
  });
  document.contents = toNode(value) as never;
  return document.toString({ lineWidth: 0 });
}

function toNode(value: YamlValue): unknown {
  if (value === null || typeof value !== 'object') return new Scalar(value);
  if (isList(value)) {
    const list = new YAMLSeq();
    list.items = value.map(toNode);
    return list;
  }
  if ('n' in value) return new Scalar(NUMBERS[value.n]);
  const map = new YAMLMap();
  map.items = value.o.map(([key, entry]) => new Pair(new Scalar(key), toNode(entry)));
  return map;
}

/** JSON is YAML; it has no word for some numbers only. */
function onOneLine(value: YamlValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(onOneLine).join(', ')}]`;
  if ('n' in value) return NUMBER_TEXTS[value.n];
  const entries = value.o.map(([key, entry]) => `${JSON.stringify(key)}: ${onOneLine(entry)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}
