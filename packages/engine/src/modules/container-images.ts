// The functions of `container` that make, fetch and give away images.

import { RivetError, readImageName } from '@rivet/base';
import type { ImageFacts } from '@rivet/containers';
import { qualifyImageName } from '@rivet/containers';
import { asRecord, type LuaRecord, type LuaValue } from '@rivet/lua';
import { lineOf } from '../branch.ts';
import { type BuildRequest, buildImage } from '../containers/build-image.ts';
import { type Credentials, withCredentials } from '../containers/registry-credentials.ts';
import {
  type HostFunction,
  hostFunction,
  type ModuleCall,
  optional,
  required,
} from '../host-function.ts';
import {
  boolean,
  bytes,
  choice,
  environmentWithSecrets,
  type OptionsReader,
  options,
  type Place,
  type Reader,
  text,
  textOrSecret,
  wrongValue,
} from '../value-readers.ts';

/** The name of an image, or the id of one. */
const imageName: Reader<string> = {
  expected: 'the name of an image, such as "registry.example.com/app:1.0"',
  read(value, place) {
    const name = text.read(value, place);
    // Raises what is wrong with the name.
    if (!/^(?:sha256:)?[0-9a-f]{64}$/.test(name)) qualifyImageName(name);
    return name;
  },
};

const credentials: Reader<Credentials> = {
  expected: 'a table such as { username = "ci", password = secret.get("REGISTRY") }',
  read(value, place) {
    const schema = { username: textOrSecret, password: textOrSecret };
    const { username, password } = options(schema).read(value, place);
    if (username !== undefined && password !== undefined) return { username, password };
    throw wrongValue(value, this.expected, place);
  },
};

const pullTable = options({
  image: imageName,
  pull: choice('missing', 'always', 'never'),
  credentials,
});

type PullOptions = ReturnType<typeof pullTable.read> & { readonly image: string };

/** An image name, or a table of options with one. */
const pullOptions: OptionsReader<PullOptions> = {
  expected: 'the name of an image, or a table of options',
  options: pullTable.options,
  read(value, place) {
    if (typeof value === 'string') return { image: imageName.read(value, at(place, 'image')) };
    const read = pullTable.read(value, place);
    if (read.image === undefined) throw wrongValue(null, imageName.expected, at(place, 'image'));
    return { ...read, image: read.image };
  },
};

/** Variables may be called anything but RIVET_…; so may build arguments and secrets. */
const buildOptions = options({
  context: bytes,
  containerfile: bytes,
  tag: imageName,
  build_args: environmentWithSecrets,
  secrets: environmentWithSecrets,
  target: text,
  no_cache: boolean,
  push: boolean,
  labels: labelTable(),
  credentials,
});

const pull = hostFunction(
  [required('options', pullOptions)],
  async (call, asked) => {
    const { job, branch } = call;
    const { policy } = branch.stage;
    const { image } = asked;
    if (job.images.find(image) === undefined) policy.checkImage(image);
    const mode = policy.checkPull(asked.pull) ?? 'always';
    const { verify } = policy;
    const facts = await withCredentials(call, image, asked.credentials, (authFile) =>
      job.images.fetch({ image, pull: mode, verify, authFile, signal: branch.signal }),
    );
    job.images.add(facts.id, image);
    await tell(call, `fetched ${image} (${shortId(facts)})`);
    return [imageRecord(image, facts)];
  },
  {
    effect: true,
    interrupted: 'resume',
    replay: ({ job }, [record], { image }) => job.images.add(idOf(record), image),
  },
);

const build = hostFunction(
  [required('options', buildOptions)],
  async (call, given) => {
    const { tag, push: pushes = false } = given;
    if (pushes) requireRegistry(call, tag ?? '');
    const request: BuildRequest = {
      context: given.context ?? '.',
      containerfile: given.containerfile ?? 'Containerfile',
      buildArgs: given.build_args ?? {},
      secrets: given.secrets ?? {},
      labels: given.labels ?? {},
      target: given.target,
      noCache: given.no_cache ?? false,
      credentials: given.credentials,
      shown: tag ?? 'an image',
    };
    const built = await buildImage(call, request);
    if (tag !== undefined) call.job.images.add(built.id, tag);
    await tell(call, `built ${tag ?? 'an image'} (${shortId(built)})`);
    if (!pushes || tag === undefined) return [imageRecord(tag ?? built.id, built)];
    return [imageRecord(tag, await pushTo(call, built.id, tag, given.credentials))];
  },
  {
    effect: true,
    replay: ({ job }, [record], { tag }) => job.images.add(idOf(record), tag),
  },
);

const tag = hostFunction(
  [required('image', imageName), required('name', imageName)],
  (call, image, name) => {
    const id = call.job.images.require(call.name, image);
    call.job.images.add(id, name);
    return [];
  },
  { effect: true, interrupted: 'resume', replay: 'again' },
);

const push = hostFunction(
  [required('image', imageName), optional('options', options({ to: imageName, credentials }))],
  async (call, image, given = {}) => {
    const id = call.job.images.require(call.name, image);
    const target = given.to ?? image;
    return [imageRecord(target, await pushTo(call, id, target, given.credentials))];
  },
  { effect: true },
);

export const imageFunctions: Readonly<Record<string, HostFunction>> = { pull, build, tag, push };

async function pushTo(
  call: ModuleCall,
  id: string,
  target: string,
  given: Credentials | undefined,
): Promise<ImageFacts> {
  requireRegistry(call, target);
  const { job, branch } = call;
  branch.stage.policy.checkImage(target);
  const facts = await withCredentials(call, target, given, (authFile) =>
    job.host.driver.pushImage(id, target, { authFile, signal: branch.signal }),
  );
  await tell(call, `pushed ${target} (${facts.digest ?? id})`);
  return facts;
}

/** Without a registry in its name an image would go to one that nobody thought of. */
function requireRegistry(call: ModuleCall, target: string): void {
  const name = readImageName(target);
  if (!('problem' in name) && name.registry !== undefined && name.registry !== 'localhost') {
    if (name.digest === undefined) return;
  }
  throw RivetError.of('RIVET_CONTAINER_PUSH_NAME', {
    function: call.name,
    image: target === '' ? 'a build without `tag`' : JSON.stringify(target),
  });
}

/** Names and values of labels, which are text or written as such. */
function labelTable(): Reader<Readonly<Record<string, string>>> {
  return {
    expected: 'a table of labels such as { ["org.example.team"] = "core" }',
    read(value, place) {
      const labels: Record<string, string> = Object.create(null);
      for (const [name, entry] of Object.entries(asLabels(value, this.expected, place))) {
        const scalar = typeof entry === 'number' || typeof entry === 'boolean';
        const path = { ...place, path: `${place.path}.${name}` };
        labels[name] = scalar ? String(entry) : text.read(entry, path);
      }
      return labels;
    },
  };
}

function asLabels(value: Parameters<typeof text.read>[0], expected: string, place: Place) {
  const record = asRecord(value);
  if (record === undefined) throw wrongValue(value, expected, place);
  return record;
}

function imageRecord(image: string, { id, digest }: ImageFacts): LuaRecord {
  const record = Object.create(null) as LuaRecord;
  record.image = image;
  record.id = id;
  if (digest !== undefined) record.digest = digest;
  return record;
}

/** The id in the answer of an earlier process. */
function idOf(record: LuaValue | undefined): string {
  return String(asRecord(record ?? null)?.id);
}

async function tell({ job, branch }: ModuleCall, what: string): Promise<void> {
  await job.log.write(lineOf(branch, 'info'), what);
}

function shortId({ id }: ImageFacts): string {
  return id.slice(0, 12);
}

function at(place: Place, path: string): Place {
  return { ...place, path };
}
