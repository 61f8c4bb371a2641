// The container of a stage: an image name, or a table of options.
import { readImageName } from '@rivet/base';
import type { LuaValue } from '@rivet/lua';
import type { ContainerMount, ContainerOptions } from '@rivet/protocol';
import type { IssueList } from './issue-list.ts';
import {
  choiceReader,
  labelOf,
  listReader,
  numberReader,
  optional,
  present,
  type Reader,
  readBoolean,
  readRecord,
  required,
  sizeReader,
  textReader,
  wrong,
} from './read-fields.ts';
import { readVariables } from './variables.ts';

export const networkModes = ['none', 'default'] as const;
export const pullModes = ['missing', 'always', 'never'] as const;

const KNOWN = [
  'image',
  'entrypoint',
  'env',
  'network',
  'memory',
  'cpus',
  'pids',
  'user',
  'pull',
  'mounts',
  'privileged',
] as const;

const EXPECTED = 'the name of an image, or a table such as { image = "alpine:3.20" }';
/** Below it not even a shell starts. */
const MEMORY_BYTES_MIN = 6 * 1024 * 1024;

/** The options of a container; an image name alone is the table with that image. */
export const readContainer: Reader<ContainerOptions> = (value, path, issues) => {
  if (typeof value === 'string') {
    const image = readImage(value, path, issues);
    return image === undefined ? undefined : { image };
  }
  const record = readRecord(value, path, issues, EXPECTED, KNOWN);
  if (record === undefined) return undefined;
  const at = <T>(key: string, read: Reader<T>): T | undefined =>
    optional(record, key, path, issues, read);
  const image = required(record, 'image', path, issues, 'the name of an image', readImage);
  const options = {
    entrypoint: at('entrypoint', readEntrypoint),
    env: at('env', readVariables),
    network: at('network', choiceReader(networkModes)),
    memory: at('memory', sizeReader(MEMORY_BYTES_MIN, '6MB')),
    cpus: at('cpus', numberReader(0.01, 1024, false)),
    pids: at('pids', numberReader(1, 1_000_000, true)),
    user: at('user', readUser),
    pull: at('pull', choiceReader(pullModes)),
    mounts: at('mounts', readMounts),
    privileged: at('privileged', readBoolean),
  };
  return image === undefined ? undefined : { image, ...present(options) };
};

function readImage(value: LuaValue, path: string, issues: IssueList): string | undefined {
  const expected = 'the name of an image, such as "alpine:3.20"';
  if (typeof value !== 'string') {
    return wrong(issues, path, `${labelOf(path)} is not the name of an image`, value, expected);
  }
  const name = readImageName(value);
  if (!('problem' in name)) return value;
  return wrong(issues, path, `the image ${name.problem}`, value, expected);
}

const ARGUMENT_BYTES_MAX = 128 * 1024;

const readEntrypoint: Reader<string[]> = listReader({
  expected: 'a list such as { "/usr/bin/tini", "--" }',
  countMax: 1000,
  item: (value, path, issues) => {
    const fits =
      typeof value === 'string' &&
      !value.includes('\0') &&
      Buffer.byteLength(value) <= ARGUMENT_BYTES_MAX;
    const expected = 'text of at most 128KB without zero bytes';
    return fits
      ? value
      : wrong(issues, path, `${labelOf(path)} is not an argument`, value, expected);
  },
});

const readPath: Reader<string> = textReader({
  expected: 'an absolute path without ".."',
  lengthMax: 4000,
  pattern: /^\/(?!(?:.*\/)?\.\.(?:\/|$))[^\n\t]*$/,
});

const readMount: Reader<ContainerMount> = (value, path, issues) => {
  const expected = 'a table such as { target = "/scratch", size = "64MB" }';
  const known = ['target', 'source', 'readonly', 'size'];
  const record = readRecord(value, path, issues, expected, known);
  if (record === undefined) return undefined;
  const target = required(record, 'target', path, issues, 'a path in the container', readPath);
  const options = {
    source: optional(record, 'source', path, issues, readPath),
    readonly: optional(record, 'readonly', path, issues, readBoolean),
    size: optional(record, 'size', path, issues, sizeReader(4096, '4KB')),
  };
  if (options.source !== undefined && options.size !== undefined) {
    issues.add(`${path}.size`, {
      message: 'size has no meaning for a directory of the machine',
      expected: 'size only without source: then the mount is in memory',
    });
  }
  return target === undefined ? undefined : { target, ...present(options) };
};

const readMounts: Reader<ContainerMount[]> = listReader({
  expected: 'a list such as { { target = "/scratch", size = "64MB" } }',
  countMax: 50,
  item: readMount,
});

const readUser: Reader<string> = textReader({
  expected: 'a user such as "1000", "1000:1000" or "nobody"',
  lengthMax: 100,
  pattern: /^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/,
});
