// nginx with the settings that ship, before two real orchestrators: long polls and log streams go
// through it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, type Installation, startInstallation } from './installation.ts';
import { createPipeline, waitForEnd } from './jobs.ts';

const nginx = (process.env.PATH ?? '')
  .split(':')
  .map((directory) => `${directory}/nginx`)
  .find((path) => existsSync(path));

describe.skipIf(nginx === undefined)('behind nginx (needs nginx)', () => {
  let installation: Installation;
  let url: string;
  let stopNginx: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    installation = await startInstallation({ orchestrators: 2, runners: 0 });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    stopNginx = await startNginx(installation, port);
    await installation.startRunner('behind-nginx', { url });
  });

  afterAll(async () => {
    const problems = await installation.stop();
    await stopNginx?.();
    expect(problems).toEqual([]);
  });

  it('a job is claimed by a poll that waited, and its log arrives line by line', async () => {
    const client = createClient({ url, token: installation.token });
    const ref = await createPipeline(
      client,
      `return pipeline.define({ name = "streamed", stages = { { name = "talk", script = function()
        for i = 1, 5 do log.info("line " .. i); time.sleep(0.3) end
      end } } })`,
    );
    const launchedAt = performance.now();
    const { id } = await client.launchPipeline({ ref, body: {} });
    const arrivals: number[] = [];
    let state = '';
    for await (const event of client.streamJobLogs({ id })) {
      if (event.event === 'line' && event.data.text.startsWith('line '))
        arrivals.push(performance.now());
      if (event.event === 'end') state = event.data.state;
    }
    expect(state).toBe('succeeded');
    expect(arrivals).toHaveLength(5);
    // Written over 1.2 s: a buffering balancer would deliver them together at the end.
    expect(arrivals[4]! - arrivals[0]!).toBeGreaterThan(600);
    expect(arrivals[0]! - launchedAt, 'the waiting poll was answered at once').toBeLessThan(30_000);
  });

  it('what an orchestrator takes at most comes through, and is judged by it', async () => {
    const response = await fetch(`${url}/api/pipelines`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${installation.token}`,
        'content-type': 'application/json',
      },
      body: 'x'.repeat(23 * 1024 ** 2),
    });
    expect(await response.text()).toContain('RIVET_REQUEST_JSON');
  });

  it('a runner goes on with the other orchestrator when one is killed', async () => {
    const [first] = installation.orchestrators;
    const client = createClient({ url, token: installation.token });
    const ref = await createPipeline(
      client,
      `return pipeline.define({ name = "survivor", stages = { { name = "talk", script = function()
        for i = 1, 20 do log.info("line " .. i); time.sleep(0.1) end
      end } } })`,
    );
    const { id } = await client.launchPipeline({ ref, body: {} });
    first!.signal('SIGKILL');
    await first!.ended;
    const job = await waitForEnd(client, id);
    expect(job.state, job.message ?? '').toBe('succeeded');
  });
});

/** Runs the shipped configuration with the ports and paths of this test; returns how to stop it. */
async function startNginx(installation: Installation, port: number): Promise<() => Promise<void>> {
  const shipped = new URL('../containerfiles/nginx.conf', import.meta.url);
  const directory = await mkdtemp(join(tmpdir(), 'rivet-nginx-'));
  // Started by root, it works as another user, who keeps large bodies there.
  await chmod(directory, 0o755);
  let text = readFileSync(shipped, 'utf8');
  const replace = (from: string, to: string): void => {
    expect(text, 'the shipped configuration').toContain(from);
    text = text.replaceAll(from, to);
  };
  const [one, two] = installation.orchestrators;
  replace('listen 7450;', `listen 127.0.0.1:${port};`);
  replace('server 127.0.0.1:7451', `server 127.0.0.1:${one!.port}`);
  replace('server 127.0.0.1:7452', `server 127.0.0.1:${two!.port}`);
  replace('/tmp/', `${directory}/`);
  replace('error_log stderr', `error_log ${directory}/error.log`);
  const path = join(directory, 'nginx.conf');
  await writeFile(path, text);
  const child = spawn(nginx!, ['-c', path, '-p', directory, '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
    await rm(directory, { recursive: true, force: true });
  };
  await waitForPort(port).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return stop;
}

async function waitForPort(port: number): Promise<void> {
  for (const deadline = performance.now() + 60_000; ; ) {
    const socket = connect(port, '127.0.0.1');
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    if (performance.now() > deadline) throw new Error('nginx did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
