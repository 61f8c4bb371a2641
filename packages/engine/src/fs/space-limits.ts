// The policy's limits on files and on the workspace, held against what a call would write.
import { formatSize, RivetError } from '@rivet/base';
import type { FsPolicy } from '../policy/fs.ts';
import type { FsCall } from './fs-failure.ts';
import { type PathBytes, showPath } from './script-path.ts';
import type { WorkspaceUsage } from './workspace-usage.ts';

export interface SpaceLimits {
  /**
   * Asks before a call writes.
   * @param fileBytes what the file would have then
   * @param addedBytes what the workspace would have more; below zero when it gets smaller
   * @throws RIVET_FS_FILE_MAX, RIVET_FS_WORKSPACE_MAX
   */
  check(call: FsCall, path: PathBytes, fileBytes: number, addedBytes: number): Promise<void>;
}

export function createSpaceLimits(policy: FsPolicy, usage: WorkspaceUsage): SpaceLimits {
  const { fileBytesMax, workspaceBytesMax } = policy;
  return {
    async check(call, path, fileBytes, addedBytes) {
      if (fileBytesMax !== undefined && fileBytes > fileBytesMax) {
        throw RivetError.of('RIVET_FS_FILE_MAX', {
          function: call.function,
          path: showPath(path),
          found: formatSize(fileBytes),
          limit: formatSize(fileBytesMax),
        });
      }
      if (workspaceBytesMax === undefined) return;
      if (addedBytes > 0) {
        const after = (await usage.current()) + addedBytes;
        if (after > workspaceBytesMax) throw workspaceFull(after, workspaceBytesMax);
      }
      usage.add(addedBytes);
    },
  };
}

export function workspaceFull(found: number, limit: number): RivetError {
  const sizes = { found: formatSize(found), limit: formatSize(limit) };
  return RivetError.of('RIVET_FS_WORKSPACE_MAX', sizes);
}
