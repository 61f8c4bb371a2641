// Calls the functions of the module `fs` in a workspace of a test's own.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LuaValue } from '@rivet/lua';
import type { Branch } from '../branch.ts';
import { createJobWorkspace } from '../fs/job-workspace.ts';
import type { JobContext } from '../job-context.ts';
import { fsModule } from '../modules/fs.ts';
import type { FsPolicy } from '../policy/fs.ts';

export interface FsCalls {
  /** Parent of the workspace; what is in it is outside. */
  readonly outside: string;
  readonly workspace: string;
  /** The first result of `fs.<name>`. */
  call(name: string, ...args: LuaValue[]): Promise<LuaValue>;
  stop(reason: Error): void;
  /** Descriptors of the workspace are closed by then, as a test may check. */
  remove(): void;
}

export interface FsCallOptions extends Partial<FsPolicy> {
  readonly readonly?: boolean;
}

export function createFsCalls(options: FsCallOptions = {}): FsCalls {
  const outside = mkdtempSync(join(tmpdir(), 'rivet-fs-'));
  const workspace = join(outside, 'workspace');
  mkdirSync(workspace);
  const controller = new AbortController();
  const { fileBytesMax, workspaceBytesMax, readonly = false } = options;
  const job = {
    host: { workspace },
    workspace: createJobWorkspace(workspace),
    definition: { stages: [{ name: 'check', readonly }] },
  } as unknown as JobContext;
  const branch = {
    signal: controller.signal,
    stage: { stage: 'check', policy: { fs: { fileBytesMax, workspaceBytesMax } } },
  } as unknown as Branch;
  return {
    outside,
    workspace,
    async call(name, ...args) {
      const fn = fsModule.functions[name];
      if (fn === undefined) throw new Error(`there is no fs.${name}`);
      const [result] = await fn.run(
        {
          name: `fs.${name}`,
          job,
          branch,
          position: undefined,
          argumentCount: args.length,
          sequence: 1,
          begunAtMs: undefined,
          onRecorded: () => {},
        },
        args,
      );
      return result ?? null;
    },
    stop: (reason) => controller.abort(reason),
    remove: () => rmSync(outside, { recursive: true, force: true }),
  };
}
