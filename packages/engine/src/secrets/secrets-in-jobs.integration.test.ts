// Secrets in jobs: who may read them, what commands get, and that nothing else has one.
import { readFile } from 'node:fs/promises';
import { createFakeDriver, type FakeDriverOptions } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { type RecordedJob, type RecordOptions, recordJob } from '../testing/job-recorder.ts';
import { givenSecrets } from './secret-provider.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

const TOKEN = 'tok-9f8e7d6c5b4a';
const VALUES = { TOKEN, OTHER: 'other-0123456789' };

interface Run extends RecordedJob {
  readonly driver: ReturnType<typeof createFakeDriver>;
  readonly journal: string;
  /** Everything that it told, as text. */
  readonly told: string;
}

/** Runs a job with one stage; `fields` are those of the pipeline besides. */
async function run(
  body: string,
  options: Partial<RecordOptions> & {
    fields?: string;
    commands?: FakeDriverOptions['commands'];
  } = {},
): Promise<Run> {
  const { fields = 'secrets = { "TOKEN", "OTHER", "NONE" },', commands, ...rest } = options;
  const driver = createFakeDriver(commands === undefined ? {} : { commands });
  const source = `return pipeline.define({ name = "t", ${fields}
    stages = { { name = "s", script = function() ${body} end } } })`;
  let journal = '';
  const job = await recordJob({
    driver,
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: { secrets: givenSecrets(new Map(Object.entries(VALUES))) },
    async inspect({ stateDirectory }) {
      journal = await readFile(`${stateDirectory}/journal`, 'utf8');
    },
    ...rest,
  });
  const { lines, changes, outputs, outcome, summary } = job;
  const told = JSON.stringify({ lines, changes, outputs: [...outputs], outcome, summary });
  return { ...job, driver, journal, told };
}

const text = (job: RecordedJob): string => job.lines.map((line) => line.text).join('\n');

describe('a secret value', () => {
  it('is no way to another one', async () => {
    const job = await run(`
      local mine = rawget(secret.get("TOKEN"), "$secret")
      local other = secret.get("OTHER")
      for number = 0, 9 do
        local guess = mine:gsub("%d+$", tostring(number))
        if guess ~= mine then print(pcall(secret.reveal, { ["$secret"] = guess })) end
      end`);
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(text(job)).not.toContain('true');
    expect(text(job)).not.toContain('was revealed');
  });

  it('prints as stars, joins as stars and tells nothing else', async () => {
    const job = await run(`
      local token = secret.get("TOKEN")
      print(token, tostring(token), "a " .. token .. " b", token .. 1, ("%s"):format(token))
      log.info("fields", { token = token, list = { token } })
      print(pcall(function() return #token end))
      print(pcall(function() return token:sub(1, 1) end))
      print(pcall(function() token.x = 1 end))
      print(pcall(function() for _ in pairs(token) do end end))
      print(pcall(function() return token .. nil end))
      print(pcall(setmetatable, token, {}))
      print(token == secret.get("TOKEN"), token == secret.get("OTHER"), token.x, type(token))
      print(pcall(json.encode, { token }))
    `);
    expect(job.outcome).toEqual({ state: 'succeeded' });
    const [first, fields, ...rest] = job.lines.map((line) => line.text);
    expect(first).toBe('***\t***\ta *** b\t***1\t***');
    expect(fields).toBe('fields token=*** list=["***"]');
    expect(rest).toEqual([
      expect.stringMatching(/^false\t.*the length of a secret is not told/),
      expect.stringMatching(/^false\t.*a secret has no text here: pass it on/),
      expect.stringMatching(/^false\t.*a secret cannot be changed/),
      expect.stringMatching(/^false\t.*a secret has no fields/),
      expect.stringMatching(/^false\t.*attempt to concatenate a nil value/),
      expect.stringMatching(/^false\t.*protected metatable/),
      'true\tfalse\tnil\ttable',
      expect.stringMatching(/^false\t.*value\[1\] is a secret value, which JSON cannot express/),
    ]);
    expect(job.told).not.toContain(TOKEN);
  });

  it('cannot be made from data of the same shape', async () => {
    const job = await run(`
      secret.get("TOKEN")
      local forged = json.decode('{"$secret": "TOKEN"}')
      print(pcall(secret.reveal, forged))
      print(pcall(process.run, { "x", env = { A = forged } }))
      print(json.encode(forged))
    `);
    expect(text(job)).toMatch(/is a table; expected a secret value/);
    expect(text(job)).toMatch(/env\.A is a table; expected/);
    expect(text(job)).toContain('{"$secret":"TOKEN"}');
  });

  it('reaches commands as variable and standard input, but no command line', async () => {
    const job = await run(`
      local token = secret.get("TOKEN")
      process.run({ "x", env = { A = token }, stdin = token })
      process.run({ "x", env = secret.env({ "TOKEN" }) })
      process.run({ "x", env = secret.env({ GH = "TOKEN", B = "OTHER" }) })
      print(pcall(process.run, { "echo", token }))
    `);
    const [first, second, third, ...more] = job.driver.commands;
    expect(first!.env).toMatchObject({ A: TOKEN });
    expect(Buffer.from(first!.stdin!).toString()).toBe(TOKEN);
    expect(second!.env).toMatchObject({ TOKEN });
    expect(third!.env).toMatchObject({ GH: TOKEN, B: VALUES.OTHER });
    expect(more).toEqual([]);
    expect(text(job)).toMatch(/process\.run: .* is a secret value; expected a string/);
    expect(job.driver.started.map((spec) => JSON.stringify(spec)).join()).not.toContain(TOKEN);
  });

  it('reaches the commands of a container, and not what the container is made from', async () => {
    const job = await run(`
      local options = { image = "x", entrypoint = { "init" }, env = { A = secret.get("TOKEN"), B = "b" } }
      container.with(options, function() process.run({ "y", env = { C = "c" } }) end)`);
    expect(job.driver.started[0]!.env).toMatchObject({ B: 'b', CI: 'true' });
    expect(JSON.stringify(job.driver.started)).not.toContain(TOKEN);
    expect(job.driver.commands[0]!.env).toMatchObject({ A: TOKEN, B: 'b', C: 'c' });
  });

  it('is given as text when it is revealed, which the log says', async () => {
    const job = await run(
      'output.set("length", #secret.reveal(secret.get("TOKEN")))\nprint(secret.reveal(secret.get("TOKEN")))',
    );
    expect(job.outputs).toEqual(new Map([['length', TOKEN.length]]));
    expect(text(job)).toMatch(/secret TOKEN was revealed to the script at pipeline\.lua:2/);
    expect(text(job)).toMatch(/at pipeline\.lua:3\n\*\*\*$/);
  });
});

it('the guide shows a pipeline that runs', async () => {
  const page = await readFile(
    new URL('../../../../docs/guide/secrets.md', import.meta.url),
    'utf8',
  );
  const source = /^```lua\n([^`]*)^```/m.exec(page)![1]!;
  const secrets = new Map([
    ['NPM_TOKEN', TOKEN],
    ['DEPLOY_KEY', VALUES.OTHER],
  ]);
  const job = await run('', {
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: { secrets: givenSecrets(secrets) },
  });
  expect(job.outcome).toEqual({ state: 'succeeded' });
  expect(text(job)).toContain('the token is ***');
  expect(job.driver.commands[0]!.env).toMatchObject({ NPM_TOKEN: TOKEN });
  expect(job.summary).toBe('# Released\n\nand deployed');
});

describe('reading a secret', () => {
  it.each([
    ['secret.get("TOKNE")', 'RIVET_SECRET_UNDECLARED', /"TOKNE".*TOKEN/],
    ['secret.has("PATH")', 'RIVET_SECRET_UNDECLARED', /does not declare the secret "PATH"/],
    ['secret.env({ "HOME" })', 'RIVET_SECRET_UNDECLARED', /"HOME"/],
    ['secret.get("NONE")', 'RIVET_SECRET_MISSING', /"NONE" has no value here/],
    ['secret.file("NONE")', 'RIVET_SECRET_MISSING', /"NONE"/],
    ['secret.env({ ["1x"] = "TOKEN" })', 'RIVET_CALL_ARGUMENT', /"1x"; expected names of letters/],
    ['secret.env("TOKEN")', 'RIVET_CALL_ARGUMENT', /expected a list of names of secrets/],
    ['secret.reveal("x")', 'RIVET_CALL_ARGUMENT', /expected a secret value, as secret.get/],
    ['output.set("o", secret.get("TOKEN"))', 'RIVET_CALL_ARGUMENT', /value is a secret value/],
    ['log.mask("abc")', 'RIVET_SECRET_TOO_SHORT', /log.mask has 3 bytes/],
    ['log.mask("")', 'RIVET_SECRET_TOO_SHORT', /0 bytes/],
    ['log.mask(nil)', 'RIVET_CALL_ARGUMENT', /value is nil/],
    ['job.summary(("x"):rep(1100000))', 'RIVET_SUMMARY_TOO_LARGE', /the limit is 1 ?MB/],
  ])('%s says what is wrong', async (call, code, message) => {
    const job = await run(call);
    expect(job.outcome).toMatchObject({ state: 'failed', code });
    expect(job.outcome.message).toMatch(message);
  });

  it('asks its provider once, and again only when that failed', async () => {
    let asked = 0;
    const secrets = {
      async get() {
        asked += 1;
        if (asked === 1) throw new Error(`no connection to ${TOKEN}`);
        return (await givenSecrets(new Map(Object.entries(VALUES))).get('TOKEN'))!;
      },
    };
    const job = await run(
      'print(secret.has("NONE"), pcall(secret.get, "TOKEN"), secret.get("TOKEN"), secret.get("TOKEN"))',
      {
        host: { secrets: { get: async (name) => (name === 'TOKEN' ? secrets.get() : undefined) } },
      },
    );
    expect(asked).toBe(2);
    expect(text(job)).toMatch(/^false\tfalse\t\*\*\*\t\*\*\*$/m);
  });

  it('is refused while the pipeline is evaluated', async () => {
    const job = await run('', {
      fields: 'secrets = { "TOKEN" }, description = secret.get("TOKEN"),',
    });
    expect(job.outcome.message).toMatch(/secret\.get cannot be called while/);
  });

  it('refuses a value that cannot be hidden', async () => {
    const host = { secrets: givenSecrets(new Map([['TOKEN', 'abc']])) };
    const job = await run('secret.has("TOKEN")', { host });
    expect(job.outcome.message).toMatch(/the value of secret TOKEN has 3 bytes/);
  });
});

describe('what leaves a job', () => {
  it('has no secret in it: log, sections, outputs, summary, errors, journal', async () => {
    const job = await run(
      `local text = secret.reveal(secret.get("TOKEN"))
      log.group("section " .. text, function()
        log.warning("line " .. text, { field = text, [text] = 1 })
        process.run({ "echo", text, env = { A = text }, check = true })
      end)
      process.parallel({ text }, function() print("in parallel") end)
      output.set("value", { list = { text } })
      output.set("name " .. text, 1)
      print(output.get("value").list[1])
      job.summary("# Built with " .. text)
      job.summary("twice " .. text:upper():lower())
      local result = process.run({ "fail", capture_stdout = true })
      print(result.stdout == text, result.exit_code)
      process.run({ "fail", "x", check = true, env = { ["BAD-" .. text] = "1" } })`,
      {
        commands: ({ argv }) =>
          argv[0] === 'fail'
            ? { stdout: TOKEN, stderr: `no: ${TOKEN}\n`, exitCode: 3 }
            : { stdout: `said ${Buffer.from(`u:${TOKEN}`).toString('base64')}\n` },
      },
    );
    expect(job.outcome).toMatchObject({ state: 'failed', code: 'RIVET_CALL_ARGUMENT' });
    expect(text(job)).toContain('line *** field=*** ***=1');
    expect(text(job)).toContain('$ echo ***');
    expect(text(job)).toContain('true\t3');
    expect(job.lines.some((line) => line.group === 'section ***')).toBe(true);
    expect(job.summary).toBe('# Built with ***\ntwice ***');
    expect(job.outputs).toEqual(
      new Map<string, unknown>([
        ['value', { list: ['***'] }],
        ['name ***', 1],
      ]),
    );
    expect(text(job)).toMatch(/output\.set: "value" holds a secret, which is stored as \*\*\*/);
    for (const told of [job.told, job.journal]) {
      expect(told).not.toContain(TOKEN);
      expect(told).not.toContain(Buffer.from(TOKEN).toString('base64').slice(2, 12));
    }
    expect(job.journal).toContain('"redacted":true');
  });

  it('has no secret in it when output of a command is cut anywhere', async () => {
    const secret = 'A1b2C3d4E5f6G7h8';
    const output = `${'x'.repeat(65_530)}${secret}\nstart ${secret} end\n${secret}`;
    const job = await run('process.run({ "say", env = { S = secret.get("TOKEN") } })', {
      host: { secrets: givenSecrets(new Map([['TOKEN', secret]])) },
      commands: () => ({ stdout: output }),
    });
    expect(job.told).not.toContain(secret);
    expect(job.told).not.toContain(secret.slice(0, 8));
    expect(text(job)).toContain('start *** end\n***');
  });

  it('has nothing of what log.mask hides from then on', async () => {
    const job = await run(
      `print("before it: hidden-1") log.mask("hidden-1") print("hidden-1")
      log.mask(12345678) print(12345678) log.mask(secret.get("TOKEN")) process.run({ "x" })`,
      {
        commands: () => ({ stderr: 'hidden-1\n' }),
      },
    );
    expect(text(job)).toMatch(/^before it: hidden-1\n\*\*\*\n\*\*\*\nstarted .*\n\$ x\n\*\*\*$/);
    expect(job.journal.split('\n').filter((line) => line.includes('hidden-1'))).toHaveLength(1);
    expect(job.journal).not.toContain('12345678');
  });

  it('has no secret in what a failing handler of messages or an error object says', async () => {
    const job = await run(`
      local text = secret.reveal(secret.get("TOKEN"))
      error(setmetatable({}, { __tostring = function() return "object " .. text end }))`);
    expect(job.outcome).toMatchObject({ state: 'failed' });
    expect(job.told).not.toContain(TOKEN);
    expect(job.outcome.message).toContain('***');
  });
});

describe('a script that wants the text without revealing it', () => {
  it.each([
    ['error(token)', '***'],
    ['error(tostring(token))', '***'],
    ['error({ token })', 'error object'],
    ['table.concat({ token })', 'invalid value'],
    ['string.rep(token, 2)', 'string expected'],
    ['string.byte(token)', 'string expected'],
    ['utf8.len(token)', 'string expected'],
    ['tonumber(token:gsub(".", "1"))', 'a secret has no text here'],
    ['return token < secret.get("OTHER")', 'attempt to compare'],
    ['token()', 'attempt to call'],
    ['require(token)', 'string expected'],
    ['getmetatable(token).__tostring = nil', 'attempt to'],
    ['debug.setmetatable(token, nil)', 'attempt to call'],
    ['rawset(token, "x", 1) process.run({ "x", env = { A = token } })', 'is a table; expected'],
    ['error(string.format("%q", token))', ''],
    ['process.sh(token)', 'is a secret value; expected'],
    ['process.run({ "x", cwd = token })', 'is a secret value; expected'],
    ['container.with(token, function() end)', ''],
    ['time.sleep(token)', 'is a secret value; expected'],
    ['output.set(token, 1)', 'is a secret value; expected'],
    ['log.group(token, function() error("in it") end)', ''],
    ['job.summary(token)', 'is a secret value; expected'],
    ['secret.get(token)', 'is a secret value; expected'],
    ['process.parallel({ token }, function(item) error(item) end)', '***'],
    ['coroutine.wrap(function() error(token) end)()', '***'],
    ['for k, v in next, token do error(k .. v) end', '$secret'],
  ])('%s', async (body, message) => {
    const job = await run(`local token = secret.get("TOKEN") ${body}`);
    expect(job.outcome.state).toBe('failed');
    expect(job.outcome.message).toContain(message);
    expect(job.told + job.journal).not.toContain(TOKEN);
  });
});

describe('a secret input', () => {
  const fields =
    'inputs = { token = { type = "string", secret = true, required = false }, n = { type = "number" } },';
  const inputs = { token: 'input-0123456789', n: 1 };

  it('is a value without text, and hidden from the start', async () => {
    const job = await run(
      `print("input-0123456789", input.get("token"), input.require("token"), input.all().token, input.get("n"))
      process.run({ "x", env = { T = input.get("token") } })
      print(secret.reveal(input.get("token")) == "input-" .. "0123456789")`,
      { fields, inputs },
    );
    expect(text(job)).toContain('***\t***\t***\t***\t1');
    expect(text(job)).toContain('input token was revealed to the script at pipeline.lua:');
    expect(text(job)).toMatch(/true$/);
    expect(job.driver.commands[0]!.env).toMatchObject({ T: inputs.token });
    expect(job.told + job.journal).not.toContain(inputs.token);
  });

  it('that is not given is nil, or its default', async () => {
    const job = await run(
      'print(input.get("token"), input.get("token", "x"), input.has("token"))',
      {
        fields,
        inputs: { n: 1 },
      },
    );
    expect(text(job)).toBe('nil\tx\tfalse');
  });
});

describe('a file with a secret', () => {
  const commands: FakeDriverOptions['commands'] = ({ argv }) =>
    argv.at(-1) === '/there/already'
      ? { stderr: 'sh: cannot create /there/already: File exists', exitCode: 2 }
      : {};

  it('is written with the rights of its owner alone, in each container of the stage', async () => {
    const job = await run(
      `local path = secret.file("TOKEN")
      output.set("path", path)
      process.run({ "use", path })
      container.with("other:1", function() process.run({ "use", path }) process.run({ "use", path }) end)`,
      { commands },
    );
    const path = String(job.outputs.get('path'));
    expect(path).toMatch(/^\/dev\/shm\/TOKEN-[0-9a-f]{16}$/);
    const [write, use, again, ...rest] = job.driver.commands;
    expect(write).toMatchObject({
      argv: ['sh', '-c', expect.stringContaining('umask 0377'), 'sh', path],
    });
    expect(write!.env).toMatchObject({ RIVET_SECRET_FILE: TOKEN });
    expect(use).toMatchObject({ argv: ['use', path] });
    expect(again!.container.image).toBe('other:1');
    expect(again!.env).toMatchObject({ RIVET_SECRET_FILE: TOKEN });
    // The first is still there when the stage ends.
    expect(rest.map(({ argv }) => (argv[0] === 'sh' ? argv[2] : argv[0]))).toEqual([
      'use',
      'use',
      'rm -f -- "$1"',
    ]);
    expect(job.told + job.journal).not.toContain(TOKEN);
  });

  it('is there before a command of any branch runs', async () => {
    let writing = 0;
    let early = 0;
    await run(
      `container.with("other:1", function() secret.file("TOKEN") end)
      process.parallel({ 1, 2, 3 }, function() process.run({ "use" }) end)`,
      {
        commands: async ({ argv }) => {
          if (argv[0] === 'use') early += writing;
          if (!argv[2]?.startsWith('umask')) return {};
          writing += 1;
          await new Promise((resolve) => setTimeout(resolve, 50));
          writing -= 1;
          return {};
        },
      },
    );
    expect(early).toBe(0);
  });

  it('with a path of its own is written there and nowhere else', async () => {
    const job = await run(
      `print(secret.file("TOKEN", "conf/npmrc"), secret.file("TOKEN", "/root/.npmrc"))
      container.with("other:1", function() process.run({ "use" }) end)`,
      { commands },
    );
    expect(text(job)).toContain('/workspace/conf/npmrc\t/root/.npmrc');
    expect(
      job.driver.commands.filter(({ container }) => container.image === 'other:1'),
    ).toHaveLength(1);
  });

  it('that cannot be written is an error that says why', async () => {
    const job = await run('secret.file("TOKEN", "/there/already")', { commands });
    expect(job.outcome).toMatchObject({ code: 'RIVET_SECRET_FILE' });
    expect(job.outcome.message).toContain('/there/already in the container: sh: cannot create');
  });
});
