// Every way out of a job, with a secret planted in it: what comes out has stars in that place.
import { readFile } from 'node:fs/promises';
import { type Logger, RivetError } from '@rivet/base';
import { createFakeDriver, type FakeDriverOptions } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, expect, it } from 'vitest';
import type { JobHost } from '../job.ts';
import { givenSecrets } from '../secrets/secret-provider.ts';
import { type RecordedJob, recordJob } from '../testing/job-recorder.ts';

const lua = createLuaEngine();
afterAll(() => lua.close());

const TOKEN = 'tok-9f8e7d6c5b4a';
const DIGITS = '4929123456781234';

interface Told extends RecordedJob {
  readonly text: string;
  readonly journal: string;
  /** What the program that runs jobs wrote to its own log. */
  readonly ownLog: string;
}

type Place =
  | 'lines'
  | 'group'
  | 'outcome'
  | 'reason'
  | 'outputs'
  | 'summary'
  | 'journal'
  | 'ownLog';

interface Path {
  readonly name: string;
  /** Lua, after `local text = …` with the secret in clear. */
  readonly script: string;
  readonly place: Place;
  /** What is there instead of the secret. */
  readonly shown: RegExp;
  readonly commands?: FakeDriverOptions['commands'];
  readonly images?: readonly string[];
  readonly host?: Partial<JobHost>;
}

const encoded = (encoding: 'base64' | 'hex'): string => Buffer.from(TOKEN).toString(encoding);
const says = (stdout: string, stderr = '', exitCode = 0) => ({
  commands: () => ({ stdout, stderr, exitCode }),
});

const paths: readonly Path[] = [
  // The log.
  { name: 'a message', script: 'log.info("is " .. text)', place: 'lines', shown: /^is \*\*\*$/m },
  { name: 'a field', script: 'log.info("x", { f = text })', place: 'lines', shown: /f=\*\*\*/ },
  {
    name: 'a field name',
    script: 'log.info("x", { [text] = 1 })',
    place: 'lines',
    shown: /\*\*\*=1/,
  },
  { name: 'print', script: 'print(text, 1)', place: 'lines', shown: /^\*\*\*\t1$/m },
  {
    name: 'standard output',
    script: 'process.run({ "x" })',
    place: 'lines',
    shown: /^out \*\*\*$/m,
    ...says(`out ${TOKEN}\n`),
  },
  {
    name: 'standard error',
    script: 'process.run({ "x" })',
    place: 'lines',
    shown: /^err \*\*\*$/m,
    ...says('', `err ${TOKEN}\n`),
  },
  {
    name: 'a trace of a shell',
    script: 'process.sh("set -x; curl -H x")',
    place: 'lines',
    shown: /\+ curl -H '\*\*\*'/,
    ...says('', `+ curl -H '${TOKEN}'\n`),
  },
  {
    name: 'a dump of the environment',
    script: 'process.run({ "env" })',
    place: 'lines',
    shown: /^T=\*\*\*$/m,
    ...says(`A=1\nT=${TOKEN}\n`),
  },
  {
    name: 'base64 by a tool',
    script: 'process.run({ "base64" })',
    place: 'lines',
    shown: /^\*\*\*$/m,
    ...says(`${encoded('base64')}\n`),
  },
  {
    name: 'a dump by a tool',
    script: 'process.run({ "od" })',
    place: 'lines',
    shown: /^ \*\*\*$/m,
    ...says(` ${encoded('hex').replaceAll(/..(?!$)/g, '$& ')}\n`),
  },
  {
    name: 'a URL of git',
    script: 'process.run({ "git" })',
    place: 'lines',
    shown: /https:\/\/x:\*\*\*@git\.example/,
    ...says('', `fatal: unable to access 'https://x:${TOKEN}@git.example/a'\n`, 128),
  },
  {
    name: 'the line of a command',
    script: 'process.run({ "echo", text })',
    place: 'lines',
    shown: /^\$ echo \*\*\*$/m,
    ...says(''),
  },
  {
    name: 'the name of a section',
    script: 'log.group("g " .. text, function() print("in") end)',
    place: 'group',
    shown: /g \*\*\*/,
  },
  {
    name: 'a branch of process.parallel',
    script: 'process.parallel({ text }, function() print("in") end)',
    place: 'group',
    shown: /\*\*\*/,
  },
  {
    name: 'captured output that is printed',
    script: 'print(process.run({ "x", capture_stdout = true }).stdout)',
    place: 'lines',
    shown: /^\*\*\*$/m,
    ...says(TOKEN),
  },
  {
    name: 'the last lines of a spawned command',
    script: 'local h = process.spawn({ "x" }) h:wait() print(table.concat(h:logs(1)))',
    place: 'lines',
    shown: /\*\*\*/,
    ...says(`${TOKEN}\n`),
  },
  // What ends a stage or a job.
  { name: 'an error', script: 'error("no " .. text)', place: 'outcome', shown: /no \*\*\*/ },
  {
    name: 'a traceback',
    script: 'local function f() error("no " .. text) end f()',
    place: 'lines',
    shown: /no \*\*\*/,
  },
  {
    name: 'an error object',
    script: 'error({ code = text })',
    place: 'outcome',
    shown: /error object/,
  },
  {
    name: 'the reason of a stage',
    script: 'error("no " .. text)',
    place: 'reason',
    shown: /no \*\*\*/,
  },
  {
    name: 'a command that failed',
    script: 'process.run({ "x", text, check = true })',
    place: 'outcome',
    shown: /x \*\*\*/,
    ...says('', `no ${TOKEN}\n`, 3),
  },
  {
    name: 'a command that is missing',
    script: 'process.run({ text, check = true })',
    place: 'outcome',
    shown: /\*\*\*/,
    commands: () => undefined,
  },
  {
    name: 'an argument that is wrong',
    script: 'time.sleep(text)',
    place: 'outcome',
    shown: /"\*\*\*"/,
  },
  {
    name: 'an option that is unknown',
    script: 'process.run({ "x", [text] = 1 })',
    place: 'outcome',
    shown: /\*\*\*/,
  },
  {
    name: 'the name of a variable',
    script: 'process.run({ "x", env = { ["1" .. text] = "1" } })',
    place: 'outcome',
    shown: /\*\*\*/,
  },
  {
    name: 'the name of an image',
    script: 'container.with("reg.example/" .. text, function() end)',
    place: 'outcome',
    shown: /reg\.example\/\*\*\*/,
    images: ['x'],
  },
  { name: 'the name of a secret', script: 'secret.get(text)', place: 'outcome', shown: /"\*\*\*"/ },
  { name: 'an audience', script: 'job.id_token(text)', place: 'outcome', shown: /"\*\*\*"/ },
  {
    name: 'the path of a file',
    script: 'fs.read(text .. "/x")',
    place: 'outcome',
    shown: /fs\.read.*\*\*\*/,
  },
  {
    name: 'JSON that is none',
    script: 'json.decode("{" .. text)',
    place: 'outcome',
    shown: /json\.decode/,
  },
  {
    name: 'YAML that is none',
    script: 'yaml.decode("a: [" .. text)',
    place: 'outcome',
    shown: /yaml\.decode/,
  },
  {
    name: 'the URL of a request',
    script: 'http.get("http://127.0.0.1:1/" .. text)',
    place: 'outcome',
    shown: /127\.0\.0\.1/,
  },
  {
    name: 'a host name',
    script: 'http.get("http://" .. text .. ".invalid/")',
    place: 'outcome',
    shown: /\*\*\*/,
  },
  {
    name: 'a name of an output that is missing',
    script: 'output.require(text)',
    place: 'outcome',
    shown: /"\*\*\*"/,
  },
  { name: 'a module that is missing', script: 'require(text)', place: 'outcome', shown: /\*\*\*/ },
  // What others read.
  { name: 'an output', script: 'output.set("o", text)', place: 'outputs', shown: /"o":"\*\*\*"/ },
  {
    name: 'the name of an output',
    script: 'output.set("n " .. text, 1)',
    place: 'outputs',
    shown: /"n \*\*\*":1/,
  },
  {
    name: 'a table in an output',
    script: 'output.set("o", { a = { text }, [text] = 1 })',
    place: 'outputs',
    shown: /\["\*\*\*"\]/,
  },
  {
    name: 'a number in an output',
    script: 'output.set("o", tonumber(digits))',
    place: 'outputs',
    shown: /"o":"\*\*\*"/,
  },
  {
    name: 'numbers in a list',
    script: 'output.set("o", { 1, tonumber(digits) })',
    place: 'outputs',
    shown: /\[1,"\*\*\*"\]/,
  },
  {
    name: 'an encoded output',
    script: `output.set("o", "${encoded('base64')}")`,
    place: 'outputs',
    shown: /"o":"\*\*\*"/,
  },
  {
    name: 'the summary',
    script: 'job.summary("# " .. text)',
    place: 'summary',
    shown: /^# \*\*\*$/,
  },
  {
    name: 'a summary in two parts',
    script: 'job.summary("a") job.summary(text .. " b")',
    place: 'summary',
    shown: /a\n\*\*\* b/,
  },
  {
    name: 'the journal: arguments',
    script: 'log.info(text)',
    place: 'journal',
    shown: /"log\.info".*\*\*\*/,
  },
  {
    name: 'the journal: answers',
    script: 'process.run({ "x", capture_stdout = true })',
    place: 'journal',
    shown: /stdout.*\*\*\*/,
    ...says(TOKEN),
  },
  {
    name: 'the journal: errors',
    script: 'pcall(fs.read, text)',
    place: 'journal',
    shown: /"error".*\*\*\*/,
  },
  // The log of the program itself.
  {
    name: 'a defect in the log of the runner',
    script: 'process.run({ "x" })',
    place: 'ownLog',
    shown: /defect with \*\*\*/,
    commands: () => {
      throw new Error(`defect with ${TOKEN}`, { cause: new Error(`because ${TOKEN}`) });
    },
  },
  {
    name: 'an error of the machine',
    script: 'process.run({ "x" })',
    place: 'outcome',
    shown: /run \*\*\*.*\*\*\*/,
    commands: () => {
      const details = { action: `run ${TOKEN}`, reason: TOKEN };
      throw RivetError.of('RIVET_CONTAINER_PODMAN_FAILED', details);
    },
  },
];

function recordingLogger(lines: string[]): Logger {
  const write = (fields: object, message: string): void => {
    lines.push(JSON.stringify({ message, ...fields }));
  };
  const logger: Logger = {
    debug: write,
    info: write,
    warn: write,
    error: write,
    child: () => logger,
  };
  return logger;
}

async function run(path: Path): Promise<Told> {
  const { commands, images } = path;
  const driver = createFakeDriver({
    ...(commands === undefined ? {} : { commands }),
    ...(images === undefined ? {} : { images: [...images, 'localhost/rivet/base:latest'] }),
  });
  const source = `return pipeline.define({ name = "t", secrets = { "TOKEN", "DIGITS" }, id_tokens = { "a" },
    stages = { { name = "s", script = function()
      local text, digits = secret.reveal(secret.get("TOKEN")), secret.reveal(secret.get("DIGITS"))
      ${path.script}
    end } } })`;
  const ownLog: string[] = [];
  let journal = '';
  const job = await recordJob({
    driver,
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: {
      secrets: givenSecrets(
        new Map([
          ['TOKEN', TOKEN],
          ['DIGITS', DIGITS],
        ]),
      ),
      logger: recordingLogger(ownLog),
      ...path.host,
    },
    async inspect({ stateDirectory }) {
      journal = await readFile(`${stateDirectory}/journal`, 'utf8');
    },
  });
  const text = job.lines.map((line) => line.text).join('\n');
  return { ...job, text, journal, ownLog: ownLog.join('\n') };
}

function at(place: Place, told: Told): string {
  switch (place) {
    case 'lines':
      return told.text;
    case 'group':
      return told.lines.map((line) => line.group ?? '').join('\n');
    case 'outcome':
      return told.outcome.message ?? '';
    case 'reason':
      return told.changes.map((change) => change.reason ?? '').join('\n');
    case 'outputs':
      return JSON.stringify(Object.fromEntries(told.outputs));
    default:
      return told[place];
  }
}

/** Forms in which it could stand anywhere. */
const FORMS = [TOKEN, encoded('base64'), encoded('hex'), DIGITS, TOKEN.slice(0, 12)];

it.each(paths)('no secret comes out of a job by $name', async (path) => {
  const told = await run(path);
  expect(at(path.place, told)).toMatch(path.shown);
  const { lines, changes, outputs, summary, outcome, journal, ownLog } = told;
  const everything = JSON.stringify({ lines, changes, outputs: [...outputs], summary, outcome });
  for (const form of FORMS) {
    expect(everything).not.toContain(form);
    expect(journal).not.toContain(form);
    expect(ownLog).not.toContain(form);
  }
});
