// What a script sees: the names of the globals, and of the members of those that are modules.
import { asRecord, type LuaEngine } from '@rivet/lua';
import { definitionModules } from '../evaluation/definition-modules.ts';
import { CREATION_LIMITS, type EvaluationOptions } from '../evaluation/evaluate-pipeline.ts';

export interface LuaSurface {
  readonly globals: ReadonlySet<string>;
  /** The members of each module, standard library included. */
  readonly modules: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A surface as JSON: the globals, and each module with its members. */
export interface StoredSurface {
  readonly globals: readonly string[];
  readonly modules: readonly (readonly [string, readonly string[]])[];
}

export function storeSurface({ globals, modules }: LuaSurface): StoredSurface {
  return { globals: [...globals], modules: [...modules].map(([name, all]) => [name, [...all]]) };
}

export function restoreSurface({ globals, modules }: StoredSurface): LuaSurface {
  return {
    globals: new Set(globals),
    modules: new Map(modules.map(([name, members]) => [name, new Set(members)])),
  };
}

const PROBE = `
local seen = {}
for name, value in next, _G do
  local members = {}
  if type(value) == "table" then
    for member in next, value do members[#members + 1] = member end
  end
  seen[name] = { module = type(value) == "table", members = members }
end
return seen`;

/** Asks a VM, so that it is always what scripts really see. */
export async function readLuaSurface(
  engine: LuaEngine,
  options: Pick<EvaluationOptions, 'modules' | 'globals'>,
): Promise<LuaSurface> {
  const modules = [...definitionModules(), ...options.modules];
  const vm = await engine.open(
    {
      main: 'surface.lua',
      files: new Map([['surface.lua', PROBE]]),
      modules,
      globals: options.globals ?? {},
      seed: '',
      env: {},
    },
    { call: () => Promise.reject(new Error('nothing is called here')) },
    CREATION_LIMITS,
  );
  try {
    const { values } = await vm.evaluate();
    return surfaceOf(asRecord(values[0]) ?? {}, options.modules);
  } finally {
    await vm.close();
  }
}

function surfaceOf(
  seen: Readonly<Record<string, unknown>>,
  specs: EvaluationOptions['modules'],
): LuaSurface {
  const modules = new Map<string, Set<string>>();
  for (const [name, entry] of Object.entries(seen)) {
    const { module, members } = entry as { module: boolean; members: string[] };
    if (module && name !== '_G') modules.set(name, new Set(members));
  }
  // Fields without a value until a job runs, such as those of `job`.
  for (const { name, fields } of specs) {
    for (const field of Object.keys(fields ?? {})) modules.get(name)?.add(field);
  }
  return { globals: new Set(Object.keys(seen)), modules };
}
