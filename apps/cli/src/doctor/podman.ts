// Podman, its runtime and cgroups, as the driver sees them.
import { silentLogger } from '@rivet/base';
import { createPodmanDriver } from '@rivet/containers';
import type { DoctorInput, Finding } from './findings.ts';

export async function podmanFindings({ config, env }: DoctorInput): Promise<Finding[]> {
  const driver = createPodmanDriver({
    logger: silentLogger,
    env,
    defaultImage: config.defaultImage,
  });
  try {
    const findings = await driver.check();
    return findings.map(({ subject, ok, seen, fix }) => ({
      subject,
      level: ok ? 'ok' : 'problem',
      seen,
      fix,
    }));
  } finally {
    await driver.close();
  }
}
