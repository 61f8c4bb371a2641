// Reads what `podman ps --format=json` prints.
import { RivetError } from '@rivet/base';
import type { ContainerSummary } from '../driver.ts';

/** @throws RIVET_CONTAINER_PODMAN_GARBAGE when it is not the list that Podman prints */
export function parseContainerList(listed: unknown): readonly ContainerSummary[] {
  if (listed === null) return [];
  if (!Array.isArray(listed)) throw garbage(listed);
  return listed.map((entry: unknown) => {
    const row = record(entry);
    const names: unknown = row.Names;
    const name: unknown = Array.isArray(names) ? names[0] : undefined;
    if (typeof name !== 'string' || typeof row.Image !== 'string') throw garbage(entry);
    const labels = Object.entries(row.Labels === null ? {} : record(row.Labels));
    return {
      name,
      image: row.Image,
      labels: Object.fromEntries(labels.map(([key, value]) => [key, String(value)])),
      running: row.State === 'running',
    };
  });
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw garbage(value);
  return value as Record<string, unknown>;
}

function garbage(found: unknown): RivetError {
  return RivetError.of('RIVET_CONTAINER_PODMAN_GARBAGE', {
    action: 'podman ps --format=json',
    found: (JSON.stringify(found) ?? 'nothing').slice(0, 200),
    expected: 'a list of containers with Names, Image, Labels and State',
  });
}
