// What commands in real containers, and people who look at containers, see of secrets.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { createPodmanDriver, LABEL_JOB } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it } from 'vitest';
import { type RecordedJob, type RecordOptions, recordJob } from '../testing/job-recorder.ts';
import { givenSecrets } from './secret-provider.ts';

const driver = createPodmanDriver();
const lua = createLuaEngine();

afterAll(async () => {
  await lua.close();
  await driver.close();
});

const TOKEN = 'tok "9f8e$7d6c\'5b4a';
const KEY =
  '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASCBKcwggSjAgEAAoIB\n-----END KEY-----\n';

function run(script: string, options: Partial<RecordOptions> = {}): Promise<RecordedJob> {
  const source = `return pipeline.define({ name = "t", secrets = { "TOKEN", "KEY" }, stages = {
    { name = "s", script = function() ${script} end },
    { name = "after", always = true, script = function() process.run({ "ls", "/dev/shm" }) end } } })`;
  const secrets = givenSecrets(new Map(Object.entries({ TOKEN, KEY })));
  return recordJob({
    driver,
    lua,
    bundle: { main: 'pipeline.lua', files: { 'pipeline.lua': source } },
    host: { secrets },
    ...options,
  });
}

const text = (job: RecordedJob): string =>
  job.lines.map((line) => `${line.stage}: ${line.text}`).join('\n');

/** What a program on this machine says. */
const program = (file: string, args: readonly string[]): string =>
  execFileSync(file, args, { encoding: 'utf8' });

/** The contents of all files below a directory. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
}

describe.concurrent('a secret in real containers', () => {
  it('is no part of what others see: other containers, podman inspect, command lines, files', async () => {
    const id = uuidv7();
    let stateDirectory = '';
    let looked = 0;
    const job = await run(
      `local command = process.spawn({ "sh", "-c", "echo up; sleep 60", env = { T = secret.get("TOKEN") },
        stdin = "x" })
      container.with({ image = "localhost/rivet/base:latest", env = { T = secret.get("TOKEN") } }, function()
        process.sh([[ echo "$T" | wc -c ]])
      end)
      container.with("localhost/rivet/base:latest", function()
        process.sh([[ cat /proc/*/environ /proc/*/cmdline | tr '\\\\0' '\\\\n' | grep -c [9]f8e || true; ls /dev/shm ]])
        print("look")
      end)
      command:stop()`,
      {
        spec: { id },
        host: {
          secrets: givenSecrets(new Map([['TOKEN', TOKEN]])),
        },
        onLine(line) {
          if (line.text !== 'look') return;
          looked += 1;
          const containers = ['ps', '--quiet', `--filter=label=${LABEL_JOB}=${id}`];
          const ids = program('podman', containers).split('\n');
          const names = ids.filter((each) => each !== '');
          expect(names).toHaveLength(2);
          const shown = program('podman', ['inspect', ...names]);
          expect(shown).not.toContain('9f8e$7');
          const processes = program('ps', ['-eo', 'args']);
          expect(processes).not.toContain('9f8e$7');
        },
        async inspect(recorded) {
          stateDirectory = recorded.stateDirectory;
          for (const content of filesBelow(stateDirectory)) expect(content).not.toContain('9f8e$7');
        },
      },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(looked).toBe(1);
    expect(stateDirectory).not.toBe('');
    // The container that was given it has it, with the line feed of echo; the other has none.
    expect(text(job)).toContain(`s: ${TOKEN.length + 1}`);
    expect(text(job)).toContain('s: 0\n');
  });

  it('is hidden however a shell and its tools print it', async () => {
    const job = await run(
      `process.sh([[
        echo "$T"; set -x; echo "$T" "$K"; set +x
        printf %s "$T" | base64; echo "user:$T" | base64; printf %s "$K" | base64
        printf %s "$T" | od -An -tx1 | tr -d ' \\n'; echo
        for i in 1 2 3 4 5 6 7 8; do printf %s "$T" | cut -c$i | tr -d '\\n'; done; echo
        printf 'tok "9f8'; sleep 0.2; printf "e\\$7d6c'5b4a\\n"; echo "$K" | sed 's/^/| /'
      ]], { env = secret.env({ T = "TOKEN", K = "KEY" }) })`,
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    const told = text(job);
    for (const part of ['9f8e$7d', '9f8e\\$7d', 'MIIEvQIB', 'AQEFAASC'])
      expect(told).not.toContain(part);
    const base64 = Buffer.from(KEY).toString('base64');
    for (const at of [0, 20, 60, 100]) expect(told).not.toContain(base64.slice(at, at + 16));
    expect(told).not.toContain(Buffer.from(TOKEN).toString('hex').slice(4, 20));
    expect(told).toContain('s: | ***');
  });

  it('in a file is for its user alone, in memory, and gone with the stage', async () => {
    const job = await run(
      `local path = secret.file("KEY")
      process.run({ "stat", "-c", "%a %u %F", path })
      process.run({ "sh", "-c", 'wc -c <"$1"; df "$1" | tail -n 1 | cut -d " " -f 1', "sh", path })
      container.with({ image = "localhost/rivet/base:latest", user = "1234" }, function()
        process.run({ "sh", "-c", 'id -u; stat -c "%a %u" "$1"; wc -c <"$1"', "sh", path })
        print(pcall(secret.file, "TOKEN", "/no/directory"))
        local own = secret.file("TOKEN", "/tmp/own")
        print(pcall(secret.file, "TOKEN", "/tmp/own"))
        process.run({ "stat", "-c", "%n %a", own })
      end)`,
    );
    const told = text(job);
    expect(told).toMatch(/^s: 400 0 regular file$/m);
    expect(told).toMatch(new RegExp(`^s: ${KEY.length}\\ns: (?:shm|tmpfs)$`, 'm'));
    expect(told).toMatch(new RegExp(`^s: 1234\\ns: 400 1234\\ns: ${KEY.length}$`, 'm'));
    expect(told).toMatch(/could not write \/no\/directory in the container: .*\/no\/directory/);
    expect(told).toMatch(/could not write \/tmp\/own in the container: .*(?:exist|overwrite)/i);
    expect(told).toContain('s: /tmp/own 400');
    expect(job.stages).toEqual({ s: 'succeeded', after: 'succeeded' });
    // The container is that of the first stage; its file is not there any more.
    expect(job.lines.filter((line) => line.stage === 'after').map((line) => line.text)).toEqual([
      '$ ls /dev/shm',
    ]);
  });
});
