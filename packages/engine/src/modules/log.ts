// The module `log`: lines at a level with fields, and sections.
import type { LuaRecord, LuaValue } from '@rivet/lua';
import { asRecord, LuaFunction } from '@rivet/lua';
import type { LogLineLevel } from '@rivet/protocol';
import { enterSection } from '../branch.ts';
import {
  functionType,
  type HostFunction,
  type HostModule,
  hostFunction,
  optional,
  required,
} from '../host-function.ts';
import { describeValue, type Reader, shownText, wrongValue } from '../value-readers.ts';
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
      const origin = {
        stage: branch.stage.stage,
        level,
        stream: 'log' as const,
        groups: branch.groups,
      };
      await job.log.write(origin, line + showFields(extra));
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
);

const groupEnd = hostFunction(
  [],
  ({ branch }) => {
    branch.groups = branch.groups.slice(0, -1);
    return [];
  },
  { public: false },
);

export const logModule: HostModule = {
  name: 'log',
  functions: {
    debug: lineFunction('debug'),
    info: lineFunction('info'),
    warning: lineFunction('warning'),
    error: lineFunction('error'),
    group,
    group_end: groupEnd,
  },
  source: moduleSource('log'),
};
