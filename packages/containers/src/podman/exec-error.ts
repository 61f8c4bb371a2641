// Sorts what `podman exec` says when a command did not start.

/** Why it did not start: `podman` when it is none of the command's own doing. */
export type FailedStart = 'cwd' | 'not-found' | 'not-executable' | 'podman';

/**
 * What kept a command from starting; undefined when Podman says nothing of that kind, and the exit
 * code is the command's own.
 */
export function failedStart(exitCode: number, stderr: string): FailedStart | undefined {
  if (![125, 126, 127, 255].includes(exitCode)) return undefined;
  const line = stderr.split('\n').findLast((text) => text.startsWith('Error: '));
  if (line === undefined) return undefined;
  if (/chdir to cwd|chdir to [`'"]|workdir .* does not exist/i.test(line)) return 'cwd';
  if (!/exec failed|OCI|crun:|runc:|executable file/i.test(line)) return 'podman';
  if (/permission denied|exec format error|is a directory/i.test(line)) return 'not-executable';
  if (/not found|no such file|not a directory/i.test(line)) return 'not-found';
  return 'podman';
}
