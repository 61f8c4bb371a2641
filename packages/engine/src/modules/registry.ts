// The modules of the Lua surface, in the order in which the reference shows them.
import type { LuaModuleSpec, LuaProgram, LuaValue } from '@rivet/lua';
import { SUCCESS } from '../commands/run-command.ts';
import type { HostFunction, HostModule } from '../host-function.ts';
import { containerModule } from './container.ts';
import { fsModule } from './fs.ts';
import { httpModule } from './http.ts';
import { inputModule } from './input.ts';
import { JOB_FIELDS, type JobFields, jobModule } from './job.ts';
import { jsonModule } from './json.ts';
import { logModule } from './log.ts';
import { osModule } from './os.ts';
import { outputModule } from './output.ts';
import { processModule } from './process.ts';
import { secretModule } from './secret.ts';
import { timeModule } from './time.ts';
import { yamlModule } from './yaml.ts';

export const hostModules: readonly HostModule[] = [
  logModule,
  inputModule,
  outputModule,
  jobModule,
  secretModule,
  processModule,
  containerModule,
  httpModule,
  fsModule,
  jsonModule,
  yamlModule,
  timeModule,
  osModule,
];

/** Global functions that are aliases of module functions. */
export const globalAliases: Readonly<Record<string, string>> = { print: 'log.print' };

const hostFunctions: ReadonlyMap<string, HostFunction> = new Map(
  hostModules.flatMap((module) =>
    Object.entries(module.functions).map(([name, fn]) => [`${module.name}.${name}`, fn] as const),
  ),
);

/** The host function behind `<module>.<function>`. */
export function findHostFunction(name: string): HostFunction | undefined {
  return hostFunctions.get(name);
}

/** What functions that run one command are taken to be answered with, by name. */
export const expectedAnswers: LuaProgram['expected'] = Object.fromEntries(
  [...hostFunctions].filter(([, fn]) => fn.command !== undefined).map(([name]) => [name, SUCCESS]),
);

/**
 * The modules as the Lua VM takes them.
 * @param job the fields of the module `job`; without it (creation, `rivet check`) they are nil
 */
export function coreModules(job?: JobFields): LuaModuleSpec[] {
  return hostModules.map(({ name, functions, source, fields }) => ({
    name,
    functions: Object.keys(functions).filter((key) => functions[key]?.public === true),
    ...(fields === undefined ? {} : { facts: fieldValues(job) }),
    ...(source === undefined ? {} : { source }),
  }));
}

function fieldValues(job: JobFields | undefined): Record<string, LuaValue> {
  const fields: Record<string, LuaValue> = {};
  for (const name of JOB_FIELDS) fields[name] = job?.[name] ?? null;
  return fields;
}
