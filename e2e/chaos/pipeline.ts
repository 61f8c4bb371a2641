// The pipeline whose jobs run through the chaos: what it prints is known before it runs, so that
// each line that is missing, double, out of order or changed is seen.
import { createHash } from 'node:crypto';

/** What a job of the pipeline is asked to do. */
export interface Numbers {
  /** Commands one after the other, before the branches. */
  readonly commands: number;
  /** Commands at the same time, after the others. */
  readonly branches: number;
  /** Lines of each. */
  readonly lines: number;
  /** Of the command after all others. */
  readonly exit: number;
}

const PIPELINE_NAME = 'numbers';

/** Every loss that is nobody's fault may be repeated: the jobs are there to come to their end. */
const RETRIES = 9;

/**
 * Each command leaves its name in a file that lives as long as the attempt, which is printed at the
 * end: a command that ran twice in an attempt stands there twice. The hash of what a command
 * printed is made by the command itself.
 */
export const PIPELINE = `
local function count(name)
  process.sh(table.concat({
    "echo " .. name .. " >>marks",
    "i=0; while [ $i -lt " .. input.get("lines") .. " ]; do i=$((i+1))",
    "echo '=" .. name .. "' $i; [ $((i % 10)) != 0 ] || sleep 0.1; done | tee out." .. name,
    "echo '=" .. name .. "' sum $(sha256sum <out." .. name .. " | cut -c1-64)",
  }, "\\n"))
end

return pipeline.define({
  name = "${PIPELINE_NAME}",
  retry = { max = ${RETRIES}, on = { "runner_lost", "infrastructure", "interrupted" } },
  inputs = {
    commands = { type = "number", integer = true },
    branches = { type = "number", integer = true },
    lines = { type = "number", integer = true },
    exit = { type = "number", integer = true },
  },
  stages = {
    { name = "one", script = function()
      for n = 1, input.get("commands") do
        log.info("=script " .. n)
        count("c" .. n)
      end
    end },
    { name = "many", script = function()
      local names = {}
      for n = 1, input.get("branches") do names[n] = "b" .. n end
      process.parallel(names, count)
    end },
    { name = "last", script = function()
      process.sh("touch marks; echo '=marks' $(sort marks | tr '\\\\n' ',')")
      output.set("done", true)
      process.sh("exit " .. input.get("exit"))
    end },
  },
})`;

/** The names of the commands that print numbers. */
function commandNames({ commands, branches }: Numbers): string[] {
  const names = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
  return [...names('c', commands), ...names('b', branches)];
}

/** What each source prints, in its order. Sources at the same time may be mixed in a log. */
export function expectedLines(numbers: Numbers): ReadonlyMap<string, readonly string[]> {
  const expected = new Map<string, readonly string[]>();
  const script = Array.from({ length: numbers.commands }, (_, index) => `=script ${index + 1}`);
  if (script.length > 0) expected.set('=script', script);
  for (const name of commandNames(numbers)) {
    const counted = Array.from({ length: numbers.lines }, (_, index) => `=${name} ${index + 1}`);
    const printed = counted.map((line) => `${line}\n`).join('');
    const sum = createHash('sha256').update(printed).digest('hex');
    expected.set(`=${name}`, [...counted, `=${name} sum ${sum}`]);
  }
  const marks = commandNames(numbers)
    .sort()
    .map((name) => `${name},`);
  expected.set('=marks', [`=marks ${marks.join('')}`.trimEnd()]);
  return expected;
}
