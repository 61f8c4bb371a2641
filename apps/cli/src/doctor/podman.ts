// Podman, its runtime and cgroups, as the driver sees them.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@rivet/base';
import { createPodmanDriver, LABEL_OWNER } from '@rivet/containers';
import type { DoctorInput, Finding } from './findings.ts';

export async function podmanFindings({ config, env }: DoctorInput): Promise<Finding[]> {
  const driver = createPodmanDriver({
    logger: silentLogger,
    env,
    defaultImage: config.defaultImage,
  });
  const directory = await mkdtemp(join(tmpdir(), 'rivet-doctor-'));
  try {
    const place = { labels: { [LABEL_OWNER]: 'doctor' }, directory: join(directory, 'check') };
    const findings = await driver.check(place);
    return findings.map(({ subject, ok, seen, fix }) => ({
      subject,
      level: ok ? 'ok' : 'problem',
      seen,
      fix,
    }));
  } finally {
    await rm(directory, { recursive: true, force: true });
    await driver.close();
  }
}
