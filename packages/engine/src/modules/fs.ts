// The module `fs`: files of the workspace, which the host reads and writes without a container.
import { RivetError, SecretText } from '@rivet/base';
import { contentLines, contentValue } from '../fs/content-value.ts';
import { copyTree } from '../fs/copy-tree.ts';
import type { FsCall } from '../fs/fs-failure.ts';
import { globFiles } from '../fs/glob-files.ts';
import type { Jail } from '../fs/jail.ts';
import { describePlace, listDirectory } from '../fs/list-directory.ts';
import { makeDirectory } from '../fs/make-directory.ts';
import { moveEntry } from '../fs/move-entry.ts';
import { treeBudget } from '../fs/read-directory.ts';
import { hashFile, READ_BYTES_MAX, readFile } from '../fs/read-file.ts';
import { removeTree } from '../fs/remove-tree.ts';
import { pathBytes, pathValue } from '../fs/script-path.ts';
import { createSpaceLimits, type SpaceLimits } from '../fs/space-limits.ts';
import { appendFile, writeFile } from '../fs/write-file.ts';
import {
  type HostModule,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import { onlyOnce } from '../module-call.ts';
import {
  boolean,
  bytes,
  bytesOrSecret,
  choice,
  integer,
  listOf,
  options,
  plainText,
  type Reader,
  size,
  wrongValue,
} from '../value-readers.ts';

const path = required('path', bytes);
const effect = { effect: true } as const;
/** What a second time leaves nothing else than the first. */
const repeatable = { effect: true, interrupted: 'resume' } as const;

/** Entries and bytes of paths that one call may hand to the script. */
const RESULTS_MAX = { entries: 100_000, bytes: 8 * 1024 * 1024 };

/** Permission bits as `chmod` takes them. */
export const permissions: Reader<number> = {
  expected: 'permissions as text such as "0644" or "755"',
  read(value, place) {
    if (typeof value === 'string' && /^0?[0-7]{3}$/.test(value)) return Number.parseInt(value, 8);
    throw wrongValue(value, this.expected, place);
  },
};

const patterns: Reader<string[]> = {
  expected: 'a pattern such as "src/**/*.lua", or a list of them',
  read(value, place) {
    if (typeof value === 'string') return [value];
    if (Array.isArray(value) && value.length > 0) return listOf(plainText).read(value, place);
    throw wrongValue(value, this.expected, place);
  },
};

const kind = choice('file', 'directory', 'link', 'fifo', 'socket', 'device');
const writeOptions = { mode: permissions, parents: boolean } as const;
const placeOptions = options({ overwrite: boolean, parents: boolean });

const read = hostFunction(
  [
    path,
    optional(
      'options',
      options({
        offset: integer(-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
        length: size,
        max: size,
        lines: boolean,
      }),
    ),
  ],
  async (call, at, given = {}) => {
    const { offset = 0, length, max = READ_BYTES_MAX, lines = false } = given;
    const most = Math.min(max, READ_BYTES_MAX);
    const content = await enter(call, (jail) =>
      readFile(jail, pathBytes(at), { offset, length, max: most }),
    );
    return [lines ? contentLines(call.name, pathBytes(at), content) : contentValue(content)];
  },
);

const write = hostFunction(
  [
    path,
    required('content', bytesOrSecret),
    optional('options', options({ ...writeOptions, overwrite: boolean })),
  ],
  async (call, at, content, given = {}) => {
    const { mode, parents = false, overwrite = true } = given;
    if (!overwrite) onlyOnce(call);
    await change(call, (jail, limits) =>
      writeFile(jail, pathBytes(at), contentBytes(content), { mode, parents, overwrite }, limits),
    );
    return [];
  },
  repeatable,
);

const append = hostFunction(
  [path, required('content', bytesOrSecret), optional('options', options(writeOptions))],
  async (call, at, content, given = {}) => {
    const { mode, parents = false } = given;
    await change(call, (jail, limits) =>
      appendFile(jail, pathBytes(at), contentBytes(content), { mode, parents }, limits),
    );
    return [];
  },
  effect,
);

const exists = hostFunction(
  [path, optional('options', options({ type: kind }))],
  async (call, at, given = {}) => {
    const { type } = given;
    const entry = await enter(call, (jail) => jail.look(pathBytes(at), { follow: true })?.entry);
    return [entry !== undefined && (type === undefined || type === entry.kind)];
  },
);

const stat = hostFunction(
  [path, optional('options', options({ follow: boolean }))],
  async (call, at, given = {}) => {
    const { follow = true } = given;
    const described = await enter(call, (jail) => {
      const place = jail.look(pathBytes(at), { follow });
      return place && describePlace(jail, place);
    });
    return [described ?? null];
  },
);

const list = hostFunction(
  [optional('path', bytes), optional('options', options({ recursive: boolean, type: kind }))],
  async (call, at = '.', given = {}) => {
    const { recursive = false, type } = given;
    const settings = { recursive, kind: type, most: { ...RESULTS_MAX } };
    const entries = await enter(call, (jail) =>
      listDirectory(jail, pathBytes(at), settings, treeBudget()),
    );
    return [entries];
  },
);

const glob = hostFunction(
  [
    required('patterns', patterns),
    optional(
      'options',
      options({
        cwd: bytes,
        exclude: patterns,
        type: choice('file', 'directory', 'any'),
        hidden: boolean,
        required: boolean,
      }),
    ),
  ],
  async (call, wanted, given = {}) => {
    const { cwd = '.', exclude = [], type = 'file', hidden = false } = given;
    const settings = { cwd: pathBytes(cwd), exclude, kind: type, hidden, most: { ...RESULTS_MAX } };
    const found = await enter(call, (jail) => globFiles(jail, wanted, settings, treeBudget()));
    if (found.length === 0 && given.required === true) throw noMatch(call.name, wanted, given.cwd);
    return [found.map(pathValue)];
  },
);

const mkdir = hostFunction(
  [path, optional('options', options({ parents: boolean, mode: permissions }))],
  async (call, at, given = {}) => {
    const { parents = true, mode } = given;
    if (!parents) onlyOnce(call);
    await change(call, (jail) => makeDirectory(jail, pathBytes(at), { parents, mode }));
    return [];
  },
  repeatable,
);

const remove = hostFunction(
  [path, optional('options', options({ recursive: boolean }))],
  async (call, at, given = {}) => {
    const { recursive = false } = given;
    return [
      await change(call, (jail) => removeTree(jail, pathBytes(at), { recursive }, treeBudget())),
    ];
  },
  effect,
);

const copy = hostFunction(
  [required('from', bytes), required('to', bytes), optional('options', placeOptions)],
  async (call, from, to, given = {}) => {
    const { overwrite = true, parents = false } = given;
    const settings = { overwrite, parents };
    if (!overwrite) onlyOnce(call);
    await change(call, (jail, limits) =>
      copyTree(jail, pathBytes(from), pathBytes(to), settings, limits, treeBudget()),
    );
    return [];
  },
  repeatable,
);

const move = hostFunction(
  [required('from', bytes), required('to', bytes), optional('options', placeOptions)],
  async (call, from, to, given = {}) => {
    const { overwrite = true, parents = false } = given;
    await change(call, (jail) =>
      moveEntry(jail, pathBytes(from), pathBytes(to), { overwrite, parents }),
    );
    return [];
  },
  effect,
);

const sha256 = hostFunction([path], async (call, at) => [
  await enter(call, (jail) => hashFile(jail, pathBytes(at))),
]);

export const fsModule: HostModule = {
  name: 'fs',
  functions: {
    read,
    write,
    append,
    exists,
    stat,
    list,
    glob,
    mkdir,
    remove,
    copy,
    move,
    sha256,
  },
};

function enter<T>(call: ModuleCall, action: (jail: Jail) => Promise<T> | T): Promise<T> {
  const { job, branch, name } = call;
  const fsCall: FsCall = {
    function: name,
    workspace: job.host.workspace,
    signal: branch.signal,
  };
  return job.workspace.enter(fsCall, action);
}

/** @throws RIVET_FS_READONLY in a readonly stage */
async function change<T>(
  call: ModuleCall,
  action: (jail: Jail, limits: SpaceLimits) => Promise<T> | T,
): Promise<T> {
  const limits = limitsOfChange(call);
  return await enter(call, (jail) => action(jail, limits));
}

/**
 * What a call that changes the workspace has to keep to.
 * @throws RIVET_FS_READONLY in a readonly stage
 */
export function limitsOfChange({ job, branch, name }: ModuleCall): SpaceLimits {
  const { stage, policy } = branch.stage;
  if (job.definition.stages.some((each) => each.name === stage && each.readonly)) {
    throw RivetError.of('RIVET_FS_READONLY', { function: name, stage });
  }
  return createSpaceLimits(policy.fs, job.workspace.usage);
}

function contentBytes(content: string | Uint8Array | SecretText): Uint8Array {
  const plain = content instanceof SecretText ? content.reveal() : content;
  return typeof plain === 'string' ? Buffer.from(plain) : plain;
}

function noMatch(
  name: string,
  wanted: readonly string[],
  cwd: string | Uint8Array | undefined,
): RivetError {
  return RivetError.of('RIVET_FS_NO_MATCH', {
    function: name,
    patterns: wanted.map((each) => JSON.stringify(each)).join(', '),
    where: cwd === undefined ? '' : ` in ${JSON.stringify(Buffer.from(cwd as string).toString())}`,
  });
}
