// Reads the policy of a pipeline, of a stage, and of an installation, which has a few rules more.
import { asRecord, type LuaValue } from '@rivet/lua';
import type { PipelinePolicy } from '@rivet/protocol';
import { networkModes, pullModes } from '../definition/container-options.ts';
import type { IssueList } from '../definition/issue-list.ts';
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
  sizeReader,
  textReader,
  wrong,
} from '../definition/read-fields.ts';
import { HTTP_RULE_EXPECTED, parseHttpRule } from './http-rule.ts';
import type { InstallationPolicy } from './installation-policy.ts';

const SECTIONS = ['process', 'container', 'http', 'fs', 'limits'] as const;
const EXPECTED = `a table with the sections ${SECTIONS.slice(0, -1).join(', ')} and limits`;
const IMAGES = 'a list of image names such as { "docker.io/library/*" }';
const MEMORY_BYTES_MIN = 6 * 1024 * 1024;

const readPatterns = (expected: string): Reader<string[]> =>
  listReader({
    expected,
    countMax: 1000,
    item: textReader({ expected: 'text that is not empty', lengthMax: 1000 }),
  });

/** Reads one section: a table whose keys are those of `fields`. */
function section<F extends Record<string, Reader<unknown>>>(
  example: string,
  fields: F,
): Reader<{ [K in keyof F]?: F[K] extends Reader<infer T> ? T : never }> {
  return (value, path, issues) => {
    const expected = `a table such as ${example}`;
    const record = readRecord(value, path, issues, expected, Object.keys(fields));
    if (record === undefined) return undefined;
    const read = Object.entries(fields).map(([key, reader]) => [
      key,
      optional(record, key, path, issues, reader),
    ]);
    return present(Object.fromEntries(read)) as {
      [K in keyof F]?: F[K] extends Reader<infer T> ? T : never;
    };
  };
}

const commands = readPatterns('a list of commands such as { "git", "make" }');
const readHttpRule: Reader<string> = (value, path, issues) => {
  const text = textReader({ expected: HTTP_RULE_EXPECTED, lengthMax: 300 })(value, path, issues);
  if (text === undefined || parseHttpRule(text) !== undefined) return text;
  const message = `${labelOf(path)} is not a rule about hosts`;
  return wrong(issues, path, message, text, HTTP_RULE_EXPECTED);
};
const hosts = listReader({
  expected: 'a list of hosts such as { "api.example.com" }',
  countMax: 1000,
  item: readHttpRule,
});

const readProcess = section('{ allow = { "git", "make" } }', { allow: commands, deny: commands });

const containerFields = {
  images: readPatterns(IMAGES),
  deny_images: readPatterns(IMAGES),
  network: choiceReader(networkModes),
  pull: choiceReader(pullModes),
  verify: readBoolean,
};
const containerExample = '{ images = { "docker.io/library/*" } }';
const readContainer = section(containerExample, containerFields);

const readAbsolutePath = textReader({
  expected: 'an absolute path without ".."',
  lengthMax: 4000,
  pattern: /^\/(?!(?:.*\/)?\.\.(?:\/|$))/,
});
const readRegistry = textReader({
  expected: 'a registry such as "registry.example.com:5000"',
  lengthMax: 300,
  pattern: /^[A-Za-z0-9.[\]:-]+$/,
});

/** What only whoever runs Rivet may say. */
const readInstallationContainer = section(containerExample, {
  ...containerFields,
  privileged: readBoolean,
  build_cache: readBoolean,
  mounts: listReader({
    expected: 'a list of directories of the machine such as { "/var/cache/ci" }',
    countMax: 100,
    item: readAbsolutePath,
  }),
  insecure_registries: listReader({
    expected: 'a list of registries such as { "127.0.0.1:5000" }',
    countMax: 100,
    item: readRegistry,
  }),
  signature_policy: readAbsolutePath,
});

const readHttp = section('{ allow = { "api.example.com" }, rate = 10 }', {
  allow: hosts,
  deny: hosts,
  rate: numberReader(0.01, 10_000, false),
});

const size = sizeReader(1, '1 byte');
const readFs = section('{ file_max = "100MB" }', { file_max: size, workspace_max: size });

const readLimits = section('{ memory = "1GB", cpus = 2, pids = 500 }', {
  memory: sizeReader(MEMORY_BYTES_MIN, '6MB'),
  cpus: numberReader(0.01, 1024, false),
  pids: numberReader(1, 1_000_000, true),
});

/** Reads `policy` of a pipeline or of a stage. */
export const readPolicy: Reader<PipelinePolicy> = (value, path, issues) => {
  const record = readRecord(value, path, issues, EXPECTED, SECTIONS);
  if (record === undefined) return undefined;
  return present({
    process: optional(record, 'process', path, issues, readProcess),
    container: optional(record, 'container', path, issues, readContainer),
    http: optional(record, 'http', path, issues, readHttp),
    fs: optional(record, 'fs', path, issues, readFs),
    limits: optional(record, 'limits', path, issues, readLimits),
  });
};

/** Reads the policy of an installation; `value` is what its file holds. */
export function readInstallationPolicy(
  value: LuaValue,
  issues: IssueList,
): InstallationPolicy | undefined {
  const record = readRecord(asRecord(value) ?? value, '', issues, EXPECTED, SECTIONS);
  if (record === undefined) return undefined;
  return present({
    process: optional(record, 'process', '', issues, readProcess),
    container: optional(record, 'container', '', issues, readInstallationContainer),
    http: optional(record, 'http', '', issues, readHttp),
    fs: optional(record, 'fs', '', issues, readFs),
    limits: optional(record, 'limits', '', issues, readLimits),
  });
}
