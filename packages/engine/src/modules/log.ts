// The module `log`: lines at a level with fields, and sections.
import { REDACTED, SecretText } from '@rivet/base';
import type { LuaRecord, LuaValue } from '@rivet/lua';
import { asRecord, LuaFunction } from '@rivet/lua';
import type { LogLineLevel } from '@rivet/protocol';
import { enterSection, lineOf } from '../branch.ts';
import {
  functionType,
  type HostFunction,
  type HostModule,
  hostFunction,
  optional,
  required,
} from '../host-function.ts';
import { argument, describeValue, type Reader, shownText, wrongValue } from '../value-readers.ts';
import { moduleSource } from './sources.ts';

const fields: Reader<LuaRecord> = {
  expected: 'a table of fields with names',
  read(value, place) {
    const record = asRecord(value);
    if (record === undefined) throw wrongValue(value, this.expected, place);
    return record;
  },
};

function lineFunction(level: LogLineLevel): HostFunction {
  return hostFunction(
    [required('message', shownText), optional('fields', fields)],
    async ({ job, branch }, line, extra) => {
      await job.log.write(lineOf(branch, level, 'log'), line + showFields(extra));
      return [];
    },
  );
}

/** ` key=value` for each field, in the order in which the script set them. */
function showFields(extra: LuaRecord | undefined): string {
  return Object.entries(extra ?? {})
    .map(([name, value]) => ` ${name}=${showField(value)}`)
    .join('');
}

function showField(value: LuaValue): string {
  if (typeof value === 'string') return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if ((value as unknown) instanceof SecretText) return REDACTED;
  if (value instanceof LuaFunction || value instanceof Uint8Array)
    return `<${describeValue(value)}>`;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

const group = hostFunction(
  [required('name', shownText), required('fn', functionType)],
  ({ branch }, name) => {
    enterSection(branch, name);
    return [];
  },
  { replay: 'again' },
);

const groupEnd = hostFunction(
  [],
  ({ branch }) => {
    branch.groups = branch.groups.slice(0, -1);
    return [];
  },
  { public: false, replay: 'again' },
);

/** Text, a number as it is written, or a secret. */
const hidden: Reader<string> = {
  expected: 'a string, a number or a secret value',
  read(value, place) {
    const found = (value as unknown) instanceof SecretText ? value : argument.read(value, place);
    return typeof found === 'string' ? found : (found as unknown as SecretText).reveal();
  },
};

const mask = hostFunction(
  [required('value', hidden)],
  ({ job }, value) => {
    job.redactor.addMasked(value, 'the value of log.mask');
    return [];
  },
  { journal: 'name', replay: 'again' },
);

export const logModule: HostModule = {
  name: 'log',
  functions: {
    debug: lineFunction('debug'),
    info: lineFunction('info'),
    warning: lineFunction('warning'),
    error: lineFunction('error'),
    group,
    mask,
    group_end: groupEnd,
  },
  source: moduleSource('log'),
};
