// A runner that is killed while jobs run, again and again, and starts again each time: the jobs go
// on, no command runs twice, and the log is the one of a runner that lives.
import { isFinalJobState } from '@rivet/protocol';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Installation, startInstallation } from './installation.ts';
import { allLines, createPipeline, numberingFault, waitForEnd, waitForJob } from './jobs.ts';

/** Prints numbered lines of its own, and notes in the workspace that it has run. */
const command = (name: string, lines: number) =>
  `process.sh("echo ${name} >> runs; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo ${name} $i; sleep 0.05; done")`;

const source = `
return pipeline.define({
  name = "resumed",
  secrets = { "TOKEN" },
  stages = {
    { name = "one", script = function()
      local token = secret.get("TOKEN")
      ${command('a', 40)}
      log.info("between a and b")
      ${command('b', 40)}
      process.sh("echo the token is $T", { env = { T = token } })
      log.info("told " .. process.sh("cat runs | wc -l", { capture_stdout = true }).stdout)
    end },
    { name = "many", needs = { "one" }, script = function()
      process.parallel({ 1, 2, 3 }, function(branch)
        if branch == 1 then ${command('p', 30)} ${command('q', 30)}
        elseif branch == 2 then ${command('r', 30)} ${command('s', 30)}
        else ${command('t', 60)} end
      end)
      output.set("runs", process.sh("sort runs | tr '\\\\n' ' '", { capture_stdout = true }).stdout)
    end },
  },
})`;

const numbered = (name: string, lines: number) =>
  Array.from({ length: lines }, (_, index) => `${name} ${index + 1}`);

let installation: Installation;

beforeEach(async () => {
  // So long the next process of a runner may take to start.
  installation = await startInstallation({ orchestratorEnv: { RIVET_LEASE: '2m' } });
});

afterEach(async () => {
  expect(await installation.stop()).toEqual([]);
});

async function launch(): Promise<string> {
  const { client } = installation;
  const ref = await createPipeline(client, source);
  const body = { value: 'hunter2hunter2' };
  await client.putSecret({ name: 'TOKEN', query: { pipeline: ref }, body });
  return (await client.launchPipeline({ ref, body: {} })).id;
}

async function restart(signal: NodeJS.Signals, env: Record<string, string> = {}): Promise<void> {
  const runner = installation.runners.at(-1)!;
  runner.signal(signal);
  await runner.ended;
  await installation.startRunner('runner-1', { stateDirectory: runner.stateDirectory, env });
}

async function expectWhole(id: string): Promise<void> {
  const { client } = installation;
  const job = await waitForEnd(client, id);
  const lines = await allLines(client, id);
  expect(job, `${job.message}`).toMatchObject({
    state: 'succeeded',
    attempt: 1,
    outputs: { runs: 'a b p q r s t ' },
  });
  expect(numberingFault(lines)).toBeUndefined();
  const texts = lines.map(({ text }) => text);
  const of = (...names: string[]) =>
    texts.filter((text) => names.includes(/^([a-z]) \d+$/.exec(text)?.[1] ?? ''));
  expect(of('a', 'b')).toEqual([...numbered('a', 40), ...numbered('b', 40)]);
  expect(of('p', 'q')).toEqual([...numbered('p', 30), ...numbered('q', 30)]);
  expect(of('r', 's')).toEqual([...numbered('r', 30), ...numbered('s', 30)]);
  expect(of('t')).toEqual(numbered('t', 60));
  for (const once of ['between a and b', 'the token is ***']) {
    expect(texts.filter((text) => text === once)).toEqual([once]);
  }
  expect(texts.join('\n')).not.toContain('hunter2');
}

it('a job goes on through kills of its runner at any moment', async () => {
  const { client } = installation;
  const id = await launch();
  // In the first command, between the commands, in the branches, and in a runner that just came.
  for (const least of [5, 48, 75, 110, 150]) {
    await waitForJob(client, id, (job) => job.log_lines >= least || isFinalJobState(job.state));
    await restart('SIGKILL');
  }
  await expectWhole(id);
});

it('a job goes on when its log was not sent, as its orchestrator was away too', async () => {
  const { client, orchestrators } = installation;
  const id = await launch();
  await waitForJob(client, id, (job) => job.log_lines >= 10);
  const first = orchestrators[0]!;
  first.signal('SIGKILL');
  await first.ended;
  // What the job says now reaches nobody.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const runner = installation.runners[0]!;
  runner.signal('SIGKILL');
  await runner.ended;
  await installation.startOrchestrator(first.port);
  await installation.startRunner('runner-1', { stateDirectory: runner.stateDirectory });
  await expectWhole(id);
});

it('a runner that hands over at TERM ends within a moment, and its job goes on', async () => {
  const { client } = installation;
  await restart('SIGKILL', { RIVET_ON_TERM: 'handover' });
  const id = await launch();
  await waitForJob(client, id, (job) => job.log_lines >= 10);
  const runner = installation.runners.at(-1)!;
  runner.signal('SIGTERM');
  expect(await runner.ended).toBe(0);
  // It did not wait for the job's end.
  expect((await client.getJob({ id })).state).toBe('running');
  await installation.startRunner('runner-1', { stateDirectory: runner.stateDirectory });
  await expectWhole(id);
});

it('the job of a runner that stays dead is going again within 20 s', async () => {
  // With leases as they are unless somebody says otherwise.
  expect(await installation.stop()).toEqual([]);
  installation = await startInstallation();
  const { client, runners } = installation;
  const ref = await createPipeline(
    client,
    `return pipeline.define({
      name = "again", retry = { max = 1, on = { "runner_lost" } },
      stages = { { name = "work", script = function()
        log.info("attempt " .. job.attempt)
        if job.attempt == 1 then process.sh("sleep 300") end
      end } },
    })`,
  );
  const { id } = await client.launchPipeline({ ref, body: {} });
  await waitForJob(client, id, (job) => job.log_lines > 1);
  await installation.startRunner('runner-2');
  const killedAt = performance.now();
  runners[0]!.signal('SIGKILL');
  await waitForJob(client, id, (job) => job.attempt === 2 && job.log_lines > 0);
  // A lease, a look of the duty and the pause before another attempt: 18 s at most. The rest is the
  // time of a busy machine.
  expect(performance.now() - killedAt).toBeLessThan(35_000);
  expect(await waitForEnd(client, id)).toMatchObject({ state: 'succeeded', runner: 'runner-2' });
  // Whoever starts there again finds what it left, and removes it.
  const { stateDirectory } = runners[0]!;
  await installation.startRunner('runner-1', { stateDirectory });
});
