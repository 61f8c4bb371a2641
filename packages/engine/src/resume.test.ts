// A job goes on in another process wherever the one before was killed: nothing runs twice, and its
// log has neither gap nor repeat.
import { readFileSync } from 'node:fs';
import { SecretText, uuidv7 } from '@rivet/base';
import {
  createFakeDriver,
  type FakeCommand,
  type FakeDriver,
  type FakeOutcome,
} from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import type { JobOutcome, PipelineBundle } from '@rivet/protocol';
import { afterAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from './clock.ts';
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

const bundleOf = (source: string): PipelineBundle => ({
  main: 'pipeline.lua',
  files: { 'pipeline.lua': `return pipeline.define({ name = "t", ${source} })` },
});

const script = (body: string): string =>
  `secrets = { "TOKEN" }, stages = { { name = "s", script = function() ${body} end } }`;

interface Killable {
  readonly job: MortalJob;
  readonly driver: FakeDriver;
}

async function jobOf(source: string, changes: Partial<JobSpec> = {}): Promise<Killable> {
  const driver = createFakeDriver({ commands: act });
  const spec: JobSpec = {
    id: uuidv7(),
    attempt: 1,
    pipeline: 'test',
    version: 1,
    launchedBy: 'a test',
    url: undefined,
    source: 'none',
    bundle: bundleOf(source),
    definition: undefined,
    inputs: {},
    onlyStage: undefined,
    ...changes,
  };
  const secrets = givenSecrets(new Map([['TOKEN', TOKEN]]));
  const job = await createMortalJob(spec, {
    driver,
    lua,
    secrets,
    runAhead: true,
    journalKey: KEY,
    idTokens: {
      issue: async (audience) => ({
        token: new SecretText(`token-for-${audience}`),
        expiresInMs: 60_000,
      }),
    },
  });
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
    print(json.decode('{ "a": null }').a == json.null, json.encode({ json.null }))
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
    for (let diesAt = 2; diesAt <= moments; diesAt += Math.ceil(moments / 6)) {
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

  it('goes on also where a command had begun that the script had not asked for', async () => {
    const source = script(`
      for count = 1, 3 do process.run({ "show", "number " .. count }) end
      local code = process.run({ "fail", "once" }).exit_code
      process.run({ "show", "code " .. code })
      process.run({ "slow", "end" })`);
    const reference = await jobOf(source);
    await reference.job.run();
    const { moments } = reference.job;
    // On a busy machine it may not be known in time what comes next.
    await expect
      .poll(async () => {
        const begun = await jobOf(source);
        expect(await begun.job.run('ran show number 3')).toBeUndefined();
        const journal = readFileSync(begun.job.journal, 'utf8');
        await begun.job.remove();
        return journal;
      })
      .not.toContain('number 3');
    for (let diesAt = 2; diesAt <= moments; diesAt += 4) {
      const killed = await jobOf(source);
      const outcome = (await killed.job.run(diesAt)) ?? (await killed.job.run());
      expect([diesAt, outcome]).toEqual([diesAt, { state: 'succeeded' }]);
      expect([diesAt, ran(killed)]).toEqual([diesAt, ran(reference)]);
      expect([diesAt, texts(killed.job)]).toEqual([diesAt, texts(reference.job)]);
      await killed.job.remove();
    }
    await reference.job.remove();
  }, 300_000);

  it('knows again what it has opened, built, written and started', async () => {
    const killed = await jobOf(
      `id_tokens = { "them" }, inputs = { pin = { type = "string", secret = true, required = true } },
      ${script(`
        local path = secret.file("TOKEN")
        local pin = input.get("pin")
        local token = job.id_token("them")
        log.mask("hidden-text")
        fs.mkdir("image") fs.write("image/Containerfile", "FROM scratch\\n")
        container.build({ context = "image", tag = "own:1" })
        local handle = process.spawn({ "slow", "spawned" })
        log.group("outer", function()
          container.with("own:1", function()
            process.run({ "show", "before", env = { A = pin, B = token } })
            process.run({ "show", "after", env = { A = pin, B = token, C = path } })
            print("hidden-text", pin == input.get("pin"))
          end)
        end)
        container.with("own:1", function() process.run({ "show", "again" }) end)
        process.run({ "show", "at the end" })
        print(handle:wait().exit_code, table.concat(handle:logs(), "+"))`)}`,
      { inputs: { pin: 'pin-12345678' } },
    );
    expect(await killed.job.run('ran show after')).toBeUndefined();
    expect(await killed.job.run()).toEqual({ state: 'succeeded' });
    expect(ran(killed).filter((words) => !words.startsWith('sh '))).toEqual([
      'show after',
      'show again',
      'show at the end',
      'show before',
      'slow spawned',
    ]);
    const [before, after, again] = ['before', 'after', 'again'].map(
      (word) => killed.driver.commands.find(({ argv }) => argv[1] === word)!,
    );
    expect(after!.container.name).toBe(before!.container.name);
    expect(again!.container.image).toBe(before!.container.image);
    expect(after!.env).toMatchObject({ A: 'pin-12345678', B: 'token-for-them' });
    const printed = killed.job.lines.map(({ text }) => text);
    expect(printed).toContain('***\ttrue');
    expect(printed).toContain('0\tspawned begins+spawned goes on');
    expect(killed.job.lines.find(({ text }) => text === 'after again')?.group).toBe('outer');
    // The file is removed from the container that an earlier process wrote it to.
    const removals = killed.driver.commands.filter(({ argv }) => argv[2]?.startsWith('rm -f'));
    expect(removals.map(({ container }) => container.image)).toContain('base');
    for (const secret of [TOKEN, 'pin-12345678', 'token-for-them']) {
      expect(JSON.stringify(killed.job.lines)).not.toContain(secret);
    }
    await killed.job.remove();
  });

  it('goes on as often as it is killed', async () => {
    const reference = await jobOf(EVERYTHING);
    await reference.job.run();
    const killed = await jobOf(EVERYTHING);
    let outcome: JobOutcome | undefined;
    let deaths = 0;
    for (let lives = 11; outcome === undefined; lives += 9) {
      outcome = await killed.job.run(lives);
      if (outcome === undefined) deaths += 1;
    }
    expect(deaths).toBeGreaterThan(4);
    expect(outcome).toEqual({ state: 'succeeded' });
    expect(ran(killed)).toEqual(ran(reference));
    expect(texts(killed.job)).toEqual(texts(reference.job));
    await Promise.all([killed.job.remove(), reference.job.remove()]);
  }, 60_000);

  it('fails as interrupted when what was under way cannot be done twice', async () => {
    const source = script(`
      local handle = process.spawn({ "slow", "spawned" })
      handle:signal("HUP")
      handle:wait()`);
    for (const moment of ['signal HUP', 'signaled HUP']) {
      const killed = await jobOf(source);
      expect(await killed.job.run(moment)).toBeUndefined();
      const outcome = await killed.job.run();
      expect(outcome).toMatchObject({ code: 'RIVET_JOB_INTERRUPTED', reason: 'interrupted' });
      expect(outcome?.message).toContain('while handle:signal was under way');
      expect(ran(killed)).toEqual(['slow spawned']);
      await killed.job.remove();
    }
  }, 60_000);

  it('fails as interrupted when the container of a command under way is gone', async () => {
    const source = script('process.run({ "slow", "work" })');
    const killed = await jobOf(source);
    expect(await killed.job.run('ran slow work')).toBeUndefined();
    expect(ran(killed)).toEqual(['slow work']);
    for (const name of killed.driver.running) killed.driver.lose(name, 'somebody removed it');
    const outcome = await killed.job.run();
    expect(outcome).toMatchObject({ state: 'failed', reason: 'interrupted' });
    expect(outcome?.message).toMatch(/while process.run was under way.*ended while no runner/);
    expect(ran(killed)).toEqual(['slow work']);
    await killed.job.remove();
  });

  it('still runs the stages that clean up when it was interrupted', async () => {
    const killed = await jobOf(`stages = {
      { name = "s", script = function() process.run({ "slow", "work" }) end },
      { name = "clean", always = true, container = "other:1",
        script = function() process.run({ "show", "cleaned" }) end } }`);
    expect(await killed.job.run('ran slow work')).toBeUndefined();
    for (const name of killed.driver.running) killed.driver.lose(name, 'somebody removed it');
    expect(await killed.job.run()).toMatchObject({ reason: 'interrupted' });
    expect(ran(killed)).toEqual(['show cleaned', 'slow work']);
    await killed.job.remove();
  });

  it('says so when its script takes another course', async () => {
    const killed = await jobOf(script('process.run({ "show", "a" }) process.run({ "show", "b" })'));
    expect(await killed.job.run('ran show b')).toBeUndefined();
    const outcome = await killed.job.run(undefined, {
      spec: {
        bundle: bundleOf(script('process.run({ "show", "c" }) process.run({ "show", "b" })')),
      },
    });
    expect(outcome).toMatchObject({
      state: 'failed',
      reason: 'infrastructure',
      code: 'RIVET_JOB_REPLAY_DIVERGED',
    });
    expect(outcome?.message).toContain(
      'process.run with other arguments instead of process.run (call 1 of branch 1-1)',
    );
    expect(ran(killed)).not.toContain('show c');
    await killed.job.remove();
  });

  it('needs the key of its attempt for what it knows of secrets', async () => {
    const source = script(`
      local text = secret.reveal(secret.get("TOKEN"))
      process.run({ "show", "a" })
      print(#text)`);
    const killed = await jobOf(source);
    expect(await killed.job.run('ran show a')).toBeUndefined();
    const other = { host: { journalKey: Buffer.alloc(32, 8) } };
    const outcome = await killed.job.run(undefined, other);
    expect(outcome).toMatchObject({ state: 'failed', reason: 'interrupted' });
    expect(outcome?.message).toContain('secret.get');
    expect(outcome?.message).toContain('is sealed, and the key of that is gone');
    await killed.job.remove();
  });

  it('hides what it was given before, also where it is given something else now', async () => {
    // What an earlier command was given may lie in the workspace, or be what a running one prints.
    const source = script(`
      local env = { A = secret.get("TOKEN"), B = job.id_token("them") }
      process.run({ "show", "id-token-1", env = env })
      process.run({ "show", "id-token-2", env = env })
      process.run({ "show", "${TOKEN}" })`);
    const killed = await jobOf(`id_tokens = { "them" }, ${source}`);
    const given = (count: number) => ({
      host: {
        secrets: givenSecrets(new Map([['TOKEN', count === 1 ? TOKEN : `other-value-${count}`]])),
        idTokens: {
          issue: async () => ({
            token: new SecretText(`id-token-${count}`),
            expiresInMs: 60_000,
          }),
        },
      },
    });
    expect(await killed.job.run('run show id-token-1', given(1))).toBeUndefined();
    expect(await killed.job.run('run show id-token-2', given(2))).toBeUndefined();
    expect(readFileSync(killed.job.journal, 'utf8')).not.toMatch(/id-token-\d|tok-/);
    expect(await killed.job.run(undefined, given(3))).toMatchObject({ state: 'succeeded' });
    const printed = killed.job.lines.map(({ text }) => text).filter((text) => /again/.test(text));
    expect(printed).toEqual(['*** again', '*** again', '*** again']);
    await killed.job.remove();
  });

  it('has no more time than it was given', async () => {
    const source = `timeout = "1m", ${script('process.run({ "slow", "a" }) time.sleep("10m")')}`;
    const startMs = Date.UTC(2026, 0, 1);
    let offsetMs = 0;
    const clock: Clock = { ...systemClock, now: () => startMs + offsetMs };
    const killed = await jobOf(source);
    expect(await killed.job.run('exit of slow a', { host: { clock } })).toBeUndefined();
    offsetMs = 60_000;
    const outcome = await killed.job.run(undefined, { host: { clock } });
    expect(outcome).toMatchObject({ state: 'failed', code: 'RIVET_JOB_TIMEOUT' });
    expect(outcome?.message).toContain('within its timeout of 1m');
    await killed.job.remove();
  });

  it('stops at the limit of its log, which counts what was printed before', async () => {
    const source = script('for i = 1, 10 do print("line " .. i) end process.run({ "show", "a" })');
    const killed = await jobOf(source);
    expect(await killed.job.run('kept line 5')).toBeUndefined();
    const printed = killed.job.lines.length;
    expect(printed).toBe(5);
    const host = { resume: { ...killed.job.resume, logBytes: 10 * 1024 * 1024 - 5 } };
    const outcome = await killed.job.run(undefined, { host });
    expect(outcome).toMatchObject({ reason: 'log_limit' });
    expect(killed.job.lines.slice(printed).map(({ text }) => text)).toEqual([
      expect.stringContaining('the log of the job reached its limit'),
    ]);
    await killed.job.remove();
  });
});
