// Builds an image out of the workspace: context and Containerfile are copied first, base images
// fetched under the policy, then Podman builds with what it was given.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RivetError, SecretText } from '@rivet/base';
import type { ImageFacts } from '@rivet/containers';
import { lineOf, placeOf, sectionName } from '../branch.ts';
import { createCommandOutput } from '../commands/command-output.ts';
import type { Jail } from '../fs/jail.ts';
import { readFile } from '../fs/read-file.ts';
import { joinPath, type PathBytes, pathBytes, pathText } from '../fs/script-path.ts';
import type { ModuleCall } from '../host-function.ts';
import { copyContext } from './build-context.ts';
import { readContainerfile, triggerProblem } from './containerfile.ts';
import type { ContainerfileProblem } from './containerfile-instructions.ts';
import { type Credentials, withCredentials } from './registry-credentials.ts';

const CONTAINERFILE_BYTES_MAX = 1024 * 1024;

/** What a script asks for, checked. */
export interface BuildRequest {
  readonly context: string | Uint8Array;
  /** Relative to the context. */
  readonly containerfile: string | Uint8Array;
  readonly buildArgs: Readonly<Record<string, string | SecretText>>;
  readonly secrets: Readonly<Record<string, string | SecretText>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly target: string | undefined;
  readonly noCache: boolean;
  readonly credentials: Credentials | undefined;
  /** What the log calls it. */
  readonly shown: string;
}

/** The paths on the host of what a build is given. */
interface Inputs {
  readonly context: string;
  readonly containerfile: string;
  readonly containerfileName: string;
  readonly text: string;
  readonly secrets: Readonly<Record<string, string>>;
}

/**
 * @throws RIVET_CONTAINER_BUILD_FAILED, RIVET_CONTAINER_LIMIT_UNSUPPORTED,
 *   RIVET_CONTAINER_CONTAINERFILE, RIVET_POLICY_DENIED, the errors of the workspace and of
 *   fetching images
 */
export async function buildImage(call: ModuleCall, request: BuildRequest): Promise<ImageFacts> {
  const { job, branch } = call;
  const buildArgs = plainArguments(call, request);
  const directory = join(job.host.stateDirectory, 'builds', String(job.nextId()));
  const temporary = join(directory, 'temporary');
  await mkdir(temporary, { recursive: true, mode: 0o700 });
  try {
    const inputs = await copyInputs(call, request, directory);
    const images = await fetchImages(call, request, inputs, buildArgs);
    const { policy } = branch.stage;
    const limits = policy.commandLimits({});
    const network = policy.checkContainer({ image: 'scratch' }, true).network ?? 'default';
    const groups = [...branch.groups, sectionName(`build ${request.shown}`)];
    const place = { ...placeOf(branch), log: job.log, groups };
    const output = createCommandOutput(
      {
        shown: `the build of ${request.shown}`,
        capture: { stdout: false, stderr: false },
        // Podman tells its steps on both.
        levels: { stdout: 'info', stderr: 'info' },
      },
      place,
      () => {},
    );
    try {
      const facts = await job.host.driver.buildImage(
        {
          contextDirectory: inputs.context,
          containerfile: inputs.containerfile,
          containerfileName: inputs.containerfileName,
          temporaryDirectory: temporary,
          images,
          buildArgs,
          secrets: inputs.secrets,
          labels: request.labels,
          target: request.target,
          network,
          memoryBytes: limits.memory,
          cpus: limits.cpus,
          ownerLabels: job.images.ownerLabels,
          cache: job.host.policy.container?.build_cache === true && !request.noCache,
        },
        output.sink,
        branch.signal,
      );
      job.images.add(facts.id, undefined);
      return facts;
    } finally {
      await output.end();
    }
  } finally {
    // A build that was cut off leaves directories there that are closed to an ordinary user.
    await job.host.driver.removeTree(temporary);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Whoever gets the image gets its build arguments with it. */
function plainArguments(
  { name }: ModuleCall,
  { buildArgs }: BuildRequest,
): Readonly<Record<string, string>> {
  const plain: Record<string, string> = Object.create(null);
  for (const [key, value] of Object.entries(buildArgs)) {
    if (value instanceof SecretText) {
      throw RivetError.of('RIVET_CONTAINER_BUILD_SECRET', { function: name, name: key });
    }
    plain[key] = value;
  }
  return plain;
}

async function copyInputs(
  call: ModuleCall,
  request: BuildRequest,
  directory: string,
): Promise<Inputs> {
  const { job, branch, name } = call;
  const from = pathBytes(request.context);
  const context = join(directory, 'context');
  const containerfile = join(directory, 'containerfile');
  const fsCall = { function: name, workspace: job.host.workspace, signal: branch.signal };
  const found = await job.workspace.enter(fsCall, async (jail) => {
    const file = await readFileOf(jail, from, request.containerfile);
    return { ...file, skipped: await copyContext(jail, from, context) };
  });
  if (found.skipped > 0) {
    await job.log.write(
      lineOf(branch, 'warning'),
      `${name}: left ${found.skipped} pipes, sockets or devices out of the context`,
    );
  }
  const secrets: Record<string, string> = {};
  for (const [index, [id, value]] of Object.entries(request.secrets).entries()) {
    const file = join(directory, `secret-${index}`);
    await writeFile(file, value instanceof SecretText ? value.reveal() : value, { mode: 0o600 });
    secrets[id] = file;
  }
  return { context, containerfile, containerfileName: found.name, text: found.text, secrets };
}

async function readFileOf(
  jail: Jail,
  context: PathBytes,
  named: string | Uint8Array,
): Promise<{ readonly text: string; readonly name: string }> {
  const path = joinPath(context, pathBytes(named));
  const limits = { offset: 0, length: undefined, max: CONTAINERFILE_BYTES_MAX };
  return { text: (await readFile(jail, path, limits)).toString('utf8'), name: pathText(path) };
}

/** Every image that the Containerfile names, allowed and on this machine: name → id. */
async function fetchImages(
  call: ModuleCall,
  request: BuildRequest,
  inputs: Inputs,
  buildArgs: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const { job, branch } = call;
  const { policy } = branch.stage;
  const refuse = ({ line, problem }: ContainerfileProblem): RivetError =>
    RivetError.of('RIVET_CONTAINER_CONTAINERFILE', {
      function: call.name,
      containerfile: inputs.containerfileName,
      line,
      problem,
    });
  const read = readContainerfile(inputs.text, buildArgs);
  if ('problem' in read) throw refuse(read);
  await writeFile(inputs.containerfile, read.text, { mode: 0o600 });
  const ids = new Map<string, string>();
  for (const { name, line } of read.images) {
    if (job.images.find(name) === undefined) policy.checkImage(name);
    const pull = policy.checkPull(undefined);
    const facts = await withCredentials(call, name, request.credentials, (authFile) =>
      job.images.fetch({
        image: name,
        verify: policy.verify,
        signal: branch.signal,
        authFile,
        ...(pull === undefined || pull === 'always' ? {} : { pull }),
      }),
    );
    const problem = triggerProblem(facts.triggers ?? []);
    if (problem !== undefined) {
      throw refuse({ line, problem: `the image ${name} has ONBUILD instructions: ${problem}` });
    }
    ids.set(name, facts.id);
  }
  return ids;
}
