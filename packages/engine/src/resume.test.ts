// A job goes on in another process wherever the one before was killed: nothing runs twice, and its
// log has neither gap nor repeat.
import { readFileSync } from 'node:fs';
import { uuidv7 } from '@rivet/base';
import {
  createFakeDriver,
  type FakeCommand,
  type FakeDriver,
  type FakeOutcome,
} from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import type { JobSpec } from './job.ts';
import { givenSecrets } from './secrets/secret-provider.ts';
import { createMortalJob, type MortalJob } from './testing/mortal-job.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

const TOKEN = 'tok-9f8e7d6c5b4a';
const KEY = Buffer.alloc(32, 7);

function act({ argv, env }: FakeCommand): FakeOutcome {
  const [program, ...words] = argv;
  const said = words.join(' ');
  switch (program) {
    case 'fail':
      return { stderr: `no ${said}\n`, exitCode: 3 };
    case 'slow':
      return { stdout: `${said} begins\n${said} goes on\n`, delayMs: 20 };
    case 'use':
      return { stdout: `the token is ${env.T}\n` };
    default:
      return { stdout: `${said}\n${said} again\n`, delayMs: 1 };
  }
}

interface Killable {
  readonly job: MortalJob;
  readonly driver: FakeDriver;
}

async function jobOf(source: string): Promise<Killable> {
  const driver = createFakeDriver({ commands: act });
  const spec: JobSpec = {
    id: uuidv7(),
    attempt: 1,
    pipeline: 'test',
    version: 1,
    launchedBy: 'a test',
    url: undefined,
    source: 'none',
    bundle: {
      main: 'pipeline.lua',
      files: { 'pipeline.lua': `return pipeline.define({ name = "t", ${source} })` },
    },
    definition: undefined,
    inputs: {},
    onlyStage: undefined,
  };
  const secrets = givenSecrets(new Map([['TOKEN', TOKEN]]));
  const job = await createMortalJob(spec, { driver, lua, secrets, journalKey: KEY });
  return { job, driver };
}

/** What each author wrote, in order; names of containers are left out. */
function texts(job: MortalJob): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const { source, group, text } of job.lines) {
    const shown = `${group ?? ''}: ${text.replace(/container \S+/, 'container')}`;
    found[source.origin] = [...(found[source.origin] ?? []), shown];
  }
  return found;
}

/** Every command that ran, by its words. */
const ran = ({ driver }: Killable): string[] =>
  driver.commands.map(({ argv }) => argv.join(' ')).sort();

const EVERYTHING = `secrets = { "TOKEN" }, stages = {
  { name = "one", script = function()
    log.group("section", function() print("in it") print("still in it") end)
    local shown = process.run({ "show", "first", capture_stdout = true })
    output.set("first", shown.stdout)
    process.run({ "fail", "unlooked" })
    print("failed with", process.run({ "fail", "looked" }).exit_code)
    local token = secret.get("TOKEN")
    process.run({ "use", "token", env = { T = token } })
    local text = secret.reveal(token)
    output.set("length", #text)
    local handle = process.spawn({ "slow", "spawned" })
    process.parallel({ "a", "b", "c" }, function(item)
      print("item " .. item)
      process.run({ "show", "in " .. item, env = { T = token } })
      output.set(item, true)
    end, { max = 2 })
    container.with("other:1", function() process.run({ "show", "in other" }) end)
    print("spawned", handle:wait().exit_code)
    time.sleep("5ms")
    fs.write("x", text:sub(1, 3))
    print(fs.read("x"), pcall(output.require, "nothing"))
  end },
  { name = "two", retry = { max = 1 }, container = "third:1", script = function()
    if not output.has("tried") then
      output.set("tried", true)
      process.run({ "show", "try" })
      error("once")
    end
    process.sh("echo two")
    job.summary("done")
  end } }`;

describe('a job whose process is killed', () => {
  it('goes on as if nothing had happened, whenever that was', async () => {
    const reference = await jobOf(EVERYTHING);
    expect(await reference.job.run()).toEqual({ state: 'succeeded' });
    const { moments } = reference.job;
    expect(moments).toBeGreaterThan(80);
    for (let diesAt = 2; diesAt <= moments; diesAt += Math.ceil(moments / 14)) {
      const killed = await jobOf(EVERYTHING);
      const first = await killed.job.run(diesAt);
      const outcome = first ?? (await killed.job.run());
      expect([diesAt, outcome]).toEqual([diesAt, { state: 'succeeded' }]);
      expect([diesAt, ran(killed)]).toEqual([diesAt, ran(reference)]);
      expect([diesAt, texts(killed.job)]).toEqual([diesAt, texts(reference.job)]);
      const numbers = killed.job.lines.map(({ n }) => n);
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      expect(killed.job.outputs).toEqual(reference.job.outputs);
      expect(JSON.stringify(killed.job.lines)).not.toContain(TOKEN);
      expect(readFileSync(killed.job.journal, 'utf8')).not.toContain(TOKEN);
      await killed.job.remove();
    }
    await reference.job.remove();
  }, 300_000);
});
