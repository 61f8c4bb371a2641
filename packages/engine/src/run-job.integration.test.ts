// What a job does to real containers when things go wrong.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  attemptLabels,
  createPodmanDriver,
  decorateContainer,
  decorateDriver,
  LABEL_JOB,
} from '@rivet/containers';
import { createLuaEngine } from '@rivet/lua';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type RecordedJob, type RecordOptions, recordJob } from './testing/job-recorder.ts';

const driver = createPodmanDriver();
const lua = createLuaEngine();

afterAll(async () => {
  await lua.close();
  await driver.close();
});

/** Runs a pipeline and checks that no container is left. */
async function run(stages: string, options: Partial<RecordOptions> = {}): Promise<RecordedJob> {
  const source = `return pipeline.define({ name = "t", stages = { ${stages} } })\n`;
  const bundle = { main: 'pipeline.lua', files: { 'pipeline.lua': source } };
  const job = await recordJob({ driver, lua, bundle, ...options });
  expect(await driver.list(attemptLabels(job.id, 1, {}))).toEqual([]);
  return job;
}

const text = (job: RecordedJob) => job.lines.map((line) => line.text).join('\n');

describe.concurrent('a job in real containers', () => {
  it('that is canceled ends its commands and containers, and runs its always stages', async () => {
    const cancel = new AbortController();
    let seen = 0;
    const job = await run(
      `{ name = "s", script = function()
          process.parallel({ 1, 2 }, function(n)
            container.with("localhost/rivet/base:latest", function()
              process.run({ "sh", "-c", "trap '' TERM; echo up; while true; do sleep 1; done" })
            end)
          end)
        end },
        { name = "clean", always = true, script = function() process.run({ "echo", "clean" }) end }`,
      {
        signal: cancel.signal,
        onLine: (line) => {
          if (line.text === 'up') seen += 1;
          if (seen === 2) cancel.abort();
        },
      },
    );
    expect(job.outcome.state).toBe('canceled');
    expect(job.stages).toEqual({ s: 'canceled', clean: 'succeeded' });
    expect(text(job)).toMatch(/\nclean$/);
  });

  it('has each command once and in order, those that begin before they are asked for too', async () => {
    let asked = 0;
    const counting = decorateDriver(driver, {
      async start(spec, signal) {
        const container = await driver.start(spec, signal);
        return decorateContainer(container, {
          run(command, sink) {
            asked += 1;
            return container.run(command, sink);
          },
        });
      },
    });
    const job = await run(
      `{ name = "s", script = function()
          local codes = {}
          for count = 1, 8 do
            codes[count] = process.run({ "sh", "-c", "sleep 0.3; echo number " .. count .. " >> all; tail -n 1 all" }).exit_code
          end
          output.set("codes", codes)
          local failed = process.run({ "sh", "-c", "sleep 0.3; exit 3" })
          if failed.exit_code == 0 then process.run({ "echo", "never" }) end
          process.run({ "sh", "-c", "wc -l < all" })
        end }`,
      { driver: counting },
    );
    expect(job.outcome).toEqual({ state: 'succeeded' });
    expect(job.outputs.get('codes')).toEqual(new Array(8).fill(0));
    const printed = job.lines.filter(({ stream }) => stream === 'stdout').map((line) => line.text);
    const numbers = [1, 2, 3, 4, 5, 6, 7, 8].map((count) => `number ${count}`);
    expect(printed).toEqual([...numbers, '8']);
    // On a busy machine some are asked for as ever.
    expect(asked).toBeLessThan(10);
  });

  it('whose image does not exist fails with one clear sentence', async () => {
    const job = await run(
      '{ name = "s", container = { image = "localhost/no/such:image", pull = "never" }, script = function() process.sh("true") end }',
    );
    expect(job.outcome).toMatchObject({ state: 'failed', code: 'RIVET_CONTAINER_IMAGE_NOT_FOUND' });
    expect(job.outcome.message).toContain('localhost/no/such:image');
  });

  it('whose container is taken away fails for infrastructure', async () => {
    const job = await run(
      '{ name = "s", script = function() process.sh("echo up; sleep 60") end }',
      {
        async onLine(line) {
          if (line.text !== 'up') return;
          const [container] = (await driver.list({ 'dev.rivet.owner': 'taken-away' })).filter(
            ({ running }) => running,
          );
          await driver.removeLabelled({ [LABEL_JOB]: container!.labels[LABEL_JOB]! });
        },
        host: { labels: { 'dev.rivet.owner': 'taken-away' } },
      },
    );
    expect(job.outcome).toMatchObject({
      state: 'failed',
      reason: 'infrastructure',
      code: 'RIVET_CONTAINER_LOST',
    });
  });

  it('cannot write to /workspace in a read-only stage', async () => {
    const job = await run(
      '{ name = "s", readonly = true, script = function() process.sh("echo x > file") end }',
    );
    expect(job.outcome).toMatchObject({ code: 'RIVET_PROCESS_FAILED' });
    expect(job.outcome.message).toContain('Read-only file system');
  });

  it('has every line of long output, in order', async () => {
    const job = await run(
      '{ name = "s", script = function() process.run({ "seq", "50000" }) end }',
    );
    const numbers = job.lines
      .filter((line) => line.stream === 'stdout')
      .map((line) => Number(line.text));
    expect(numbers).toHaveLength(50_000);
    expect(numbers.every((number, index) => number === index + 1)).toBe(true);
  });

  it('can be canceled in the middle of more output than can be taken', async () => {
    const cancel = new AbortController();
    let canceledAt = 0;
    let written = '';
    const job = await run(
      '{ name = "s", script = function() process.sh("yes | head -c 5000000; touch written; sleep 60") end }',
      {
        signal: cancel.signal,
        limits: { logBytesMax: 1e9 },
        onWorkspace: async (workspace) => {
          written = join(workspace, 'written');
        },
        onLine: async ({ n, text }) => {
          if (n === 100) {
            await vi.waitUntil(() => existsSync(written), { timeout: 30_000 });
            canceledAt = performance.now();
            cancel.abort();
          }
          // A receiver that would need two minutes for what waits.
          if (text === 'y' && n % 10_000 === 0) await sleep(500);
        },
      },
    );
    expect(job.outcome.state).toBe('canceled');
    expect(performance.now() - canceledAt).toBeLessThan(20_000);
    expect(job.lines.length).toBeLessThan(2_500_000);
    expect(job.lines.at(-1)?.text).toContain('the rest of the output of');
  });

  it('stops a command that writes too much into a captured stream', async () => {
    const job = await run(
      '{ name = "s", script = function() process.run({ "yes", capture_stdout = true }) end }',
    );
    expect(job.outcome).toMatchObject({
      code: 'RIVET_PROCESS_CAPTURE_LIMIT',
      reason: 'stage_failed',
    });
    expect(job.outcome.message).toContain('yes wrote more than 10MB to its captured stdout');
  });

  it('stops what was spawned when it ends, and knows the process ids', async () => {
    const job = await run(`{ name = "s", script = function()
      local handle = process.spawn({ "sleep", 600 })
      output.set("pid", handle.pid)
    end }`);
    expect(job.outcome.state).toBe('succeeded');
    expect(job.outputs.get('pid')).toBeGreaterThan(1);
  });
});
