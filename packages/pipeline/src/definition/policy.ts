// What a pipeline allows itself: only what this version enforces is taken.
import type { PipelinePolicy } from '@rivet/protocol';
import { networkModes, pullModes } from './container-options.ts';
import {
  choiceReader,
  listReader,
  optional,
  present,
  type Reader,
  readRecord,
  textReader,
} from './read-fields.ts';

const EXPECTED = 'a table with the sections process and container';

const readPatterns = (expected: string): Reader<string[]> =>
  listReader({
    expected,
    countMax: 1000,
    item: textReader({ expected: 'text that is not empty', lengthMax: 1000 }),
  });

const readProcess: Reader<NonNullable<PipelinePolicy['process']>> = (value, path, issues) => {
  const expected = 'a table such as { allow = { "git", "make" } }';
  const record = readRecord(value, path, issues, expected, ['allow', 'deny']);
  if (record === undefined) return undefined;
  const commands = readPatterns('a list of commands such as { "git", "make" }');
  return present({
    allow: optional(record, 'allow', path, issues, commands),
    deny: optional(record, 'deny', path, issues, commands),
  });
};

const readContainerPolicy: Reader<NonNullable<PipelinePolicy['container']>> = (
  value,
  path,
  issues,
) => {
  const expected = 'a table such as { images = { "docker.io/library/*" } }';
  const known = ['images', 'network', 'pull'];
  const record = readRecord(value, path, issues, expected, known, ['verify']);
  if (record === undefined) return undefined;
  const images = readPatterns('a list of image names such as { "docker.io/library/*" }');
  return present({
    images: optional(record, 'images', path, issues, images),
    network: optional(record, 'network', path, issues, choiceReader(networkModes)),
    pull: optional(record, 'pull', path, issues, choiceReader(pullModes)),
  });
};

export const readPolicy: Reader<PipelinePolicy> = (value, path, issues) => {
  const known = ['process', 'container'];
  const record = readRecord(value, path, issues, EXPECTED, known, ['http', 'fs']);
  if (record === undefined) return undefined;
  return present({
    process: optional(record, 'process', path, issues, readProcess),
    container: optional(record, 'container', path, issues, readContainerPolicy),
  });
};
