// The jail against real containers: what they can put into the workspace, and swap in the meantime.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPodmanDriver } from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, expect, it } from 'vitest';
import { recordJob } from '../testing/job-recorder.ts';

const driver = createPodmanDriver();
const lua = createLuaEngine();
afterAll(async () => {
  await lua.close();
  await driver.close();
});

/** Runs a stage beside a file of the machine that only a way out could reach. */
async function run(body: string) {
  const source = `return pipeline.define({ name = "t", stages = { { name = "s", script = function()
    ${body}
  end } } })`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  return await recordJob({
    driver,
    lua,
    bundle,
    onWorkspace: (workspace) => writeFile(join(workspace, '../hostname'), 'SECRET'),
  });
}

it('a container cannot link a file of its own, or make a device, that the runner would follow', async () => {
  const job = await run(`
    local linked = process.run({ "ln", "/etc/hostname", "hard", capture_stderr = true })
    output.set("hard_link", { code = linked.exit_code, says = linked.stderr })
    process.sh("ln -s /etc/hostname soft; ln -s ../hostname beside; mkfifo pipe; mknod zero c 1 5 || true")
    for _, path in ipairs({ "soft", "beside", "pipe", "zero" }) do
      local ok, message = pcall(fs.read, path)
      output.set(path, ok and fs.read(path) or tostring(message))
    end
    output.set("types", fs.list())
  `);
  expect(job.outcome).toEqual({ state: 'succeeded' });
  const outputs = Object.fromEntries(job.outputs);
  expect(outputs).toMatchObject({
    hard_link: { code: 1, says: expect.stringMatching(/cross-device link/i) },
    soft: expect.stringContaining('"soft" leads to "/etc/hostname"'),
    beside: expect.stringContaining('leaves /workspace'),
    pipe: expect.stringContaining('"pipe" is a named pipe; expected a file'),
  });
  // A driver may refuse to make the device as well.
  expect(outputs.zero).toMatch(/is a device; expected a file|does not exist/);
});

it('a container that swaps a directory with links leads no call out', async () => {
  const job = await run(`
    fs.write("a/hostname", "mine", { parents = true })
    local swapping = process.spawn({ "sh", "-c", [[
      ln -s .. up; ln -s /etc etc
      while :; do
        mv a real; mv up a; mv a up; mv etc a; mv a etc; mv real a
      done ]] })
    local seen = { good = 0, outside = 0 }
    for n = 1, 4000 do
      if n > 1000 and seen.good > 0 and seen.outside > 0 then break end
      local ok, text = pcall(fs.read, "a/hostname")
      if ok then
        assert(text == "mine", text)
        seen.good = seen.good + 1
      elseif tostring(text):find("leaves /workspace", 1, true) then
        seen.outside = seen.outside + 1
      end
      pcall(fs.write, "a/hostname", "mine")
    end
    swapping:stop(0)
    output.set("seen", seen)
  `);
  expect(job.outcome).toEqual({ state: 'succeeded' });
  const { good, outside } = job.outputs.get('seen') as { good: number; outside: number };
  expect(good).toBeGreaterThan(0);
  expect(outside).toBeGreaterThan(0);
});
