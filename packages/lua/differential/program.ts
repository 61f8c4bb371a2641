// A program of the differential test: some units of Lua, made from a seed.
import { Random } from './random.ts';
import { arithmetic } from './topics/arithmetic.ts';
import { control } from './topics/control.ts';
import { coroutines } from './topics/coroutines.ts';
import { errors } from './topics/errors.ts';
import { format } from './topics/format.ts';
import { metatables } from './topics/metatables.ts';
import { numbers } from './topics/numbers.ts';
import { patterns } from './topics/patterns.ts';
import { strings } from './topics/strings.ts';
import { syntax } from './topics/syntax.ts';
import { tables } from './topics/tables.ts';

const TOPICS = {
  arithmetic,
  control,
  coroutines,
  errors,
  format,
  metatables,
  numbers,
  patterns,
  strings,
  syntax,
  tables,
} as const;
const NAMES = Object.keys(TOPICS) as (keyof typeof TOPICS)[];

/** Units of Lua that can be run apart from each other, and the topic they are about. */
export interface Program {
  readonly seed: number;
  readonly topic: string;
  readonly units: readonly string[];
}

/** One in so many programs runs again and again, until the VM has compiled what is hot in it. */
const HOT_EVERY = 60;
const HOT_RUNS = 60;

/** The program of a seed: always the same. Topics take turns. */
export function programOf(seed: number): Program {
  const topic = NAMES[seed % NAMES.length] ?? 'control';
  const r = new Random(seed);
  const units = r.list(1, 3, () => TOPICS[topic](r));
  return { seed, topic, units: seed % HOT_EVERY === 0 ? units.map(hot) : units };
}

/** A unit that prints in its last run alone. */
function hot(unit: string): string {
  return `local function unit()\n${unit}\nend
for run = 1, ${HOT_RUNS} do mute(run < ${HOT_RUNS}) unit() end
mute(false)`;
}

export function sourceOf(units: readonly string[]): string {
  return units.map((unit) => `do\n${unit}\nend`).join('\n');
}
