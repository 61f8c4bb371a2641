// Networks that nobody is in: what a killed Podman leaves goes, and what somebody needs stays.
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { uuidv7 } from '@rivet/base';
import { outcomeOf, startProcess } from '@rivet/processes';
import { beforeAll, expect, it } from 'vitest';
import { usePodman } from '../testing/use-podman.ts';

const IMAGE = 'localhost/rivet/base:latest';
const NETAVARK = ['/usr/lib/podman/netavark', '/usr/libexec/podman/netavark'].find(existsSync);
const podman = usePodman('networks');
const { driver, labels, start } = podman;

let hasNetworks = false;
beforeAll(async () => {
  const findings = await driver.check({ labels, directory: join(podman.directory, 'check') });
  const network = findings.find(({ subject }) => subject === 'network of containers');
  hasNetworks = process.getuid?.() === 0 && network?.ok === true;
});

async function run(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { PATH = '' } = process.env;
  const child = startProcess({ file: 'podman', args, env: { PATH, ...env }, stdin: 'ignore' });
  return (await outcomeOf(child)).stdout.trim();
}

async function networkOf(name: string): Promise<string> {
  return await run(['inspect', '--format={{.NetworkSettings.SandboxKey}}', name]);
}

/** Starts a container with a Podman that is killed once it has made the network; returns that. */
async function killedStart(name: string, netavark: string): Promise<string> {
  const programs = join(podman.directory, 'programs');
  await mkdir(programs);
  const told = join(podman.directory, 'told');
  const script = `#!/bin/sh
case $* in *setup*) ;; *) exec ${netavark} "$@" ;; esac
${netavark} "$@"
for path; do :; done
echo "$path" >${told}
kill -9 $PPID
`;
  await writeFile(join(programs, 'netavark'), script);
  await chmod(join(programs, 'netavark'), 0o755);
  const settings = join(podman.directory, 'containers.conf');
  await writeFile(settings, `[engine]\nhelper_binaries_dir = ["${programs}"]\n`);
  const marks = Object.entries(labels).map(([key, value]) => `--label=${key}=${value}`);
  await run(['run', '--detach', `--name=${name}`, ...marks, '--network=podman', IMAGE, 'true'], {
    CONTAINERS_CONF: settings,
  });
  return (await readFile(told, 'utf8')).trim();
}

it('goes when Podman was killed before it had noted it', async ({ skip }) => {
  skip(!hasNetworks, 'containers have no network here, or not one of root');
  if (NETAVARK === undefined) return skip('netavark is not where Podman has it elsewhere');
  const name = `rivet-test-${uuidv7()}`;
  const network = await killedStart(name, NETAVARK);
  await driver.removeNamed([name]);
  expect(existsSync(network)).toBe(true);
  expect(await driver.listLeftNetworks()).toContain(network);
  expect(await driver.removeLeftNetworks([network])).toBe(1);
  expect(existsSync(network)).toBe(false);
  expect(await driver.removeLeftNetworks([network])).toBe(0);
});

it('stays as long as a process is in it, and until Podman itself has removed it', async ({
  skip,
}) => {
  skip(!hasNetworks, 'containers have no network here, or not one of root');
  const container = await start({ network: 'default' });
  const network = await networkOf(container.name);
  expect(existsSync(network)).toBe(true);
  expect(await driver.listLeftNetworks()).not.toContain(network);
  expect(await driver.removeLeftNetworks([network])).toBe(0);

  // Without its monitor nobody tells Podman that it ends, as after a crash.
  const format = '--format={{.State.ConmonPid}}';
  process.kill(Number(await run(['inspect', format, container.name])), 'SIGKILL');
  await container.kill();
  expect(await driver.listLeftNetworks()).toContain(network);
  expect(await driver.removeLeftNetworks([network])).toBe(0);
  expect(existsSync(network)).toBe(true);
  await container.remove();
  expect(existsSync(network)).toBe(false);
});
