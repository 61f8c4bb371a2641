// The images of a tested pipeline: asks the mocks what becomes of builds, pushes and pulls.
import { RivetError } from '@rivet/base';
import type { ContainerDriver } from '@rivet/containers';
import { asRecord, type LuaRecord, type LuaValue } from '@rivet/lua';
import { wrongValue } from '../value-readers.ts';
import type { CurrentCall } from './current-call.ts';
import { luaText, type MockLog } from './mock-log.ts';
import { luaRecord, type ShownSecrets } from './shown-secrets.ts';

export interface ImageMocks {
  /** The same driver, whose images are made and given away as the mocks say. */
  readonly driver: ContainerDriver;
  /** What was done with images, as the case of a test sees it. */
  readonly images: readonly LuaRecord[];
}

export interface ImageMockOptions {
  readonly mocks: MockLog;
  readonly calls: CurrentCall;
  readonly secrets: ShownSecrets;
  /** Takes the names of images by their ids. */
  readonly names: Map<string, string>;
  /** The name of the stage that a branch belongs to. */
  readonly stageOf: (branch: string) => string;
}

type Action = 'build' | 'push' | 'pull';

export function createImageMocks(driver: ContainerDriver, options: ImageMockOptions): ImageMocks {
  const images: LuaRecord[] = [];
  const ask = async (
    action: Action,
    image: string,
    more: Readonly<Record<string, LuaValue>> = {},
  ): Promise<ImageReply> => {
    const call = options.calls.get();
    const fields = luaRecord({
      action,
      image,
      line: `${action} ${image}`,
      stage: options.stageOf(call?.branch ?? ''),
      file: call?.position?.file ?? null,
      source_line: call?.position?.line ?? null,
      ...more,
    });
    images.push(fields);
    const reply = await options.mocks.ask(
      'image',
      fields,
      readImageReply,
      `mock.image(${luaText(String(fields.line))})`,
    );
    if (reply !== undefined) return reply;
    throw RivetError.of('RIVET_TEST_CALL_UNMOCKED', { what: `container.${String(fields.line)}` });
  };
  return {
    images,
    driver: {
      ...driver,
      async buildImage(spec, sink, signal) {
        const { tag = null } = asRecord(options.calls.get()?.args[0]) ?? {};
        const name = typeof tag === 'string' ? tag : 'an image';
        const reply = await ask('build', name, {
          containerfile: spec.containerfileName,
          target: spec.target ?? null,
          build_args: options.secrets.table(spec.buildArgs).shown,
        });
        await sink('stdout', Buffer.from(reply.stdout));
        if (reply.fails === undefined) {
          const facts = await driver.buildImage(spec, () => {}, signal);
          options.names.set(facts.id, name);
          return facts;
        }
        const { containerfileName: containerfile } = spec;
        throw RivetError.of('RIVET_CONTAINER_BUILD_FAILED', {
          containerfile,
          reason: reply.fails,
        });
      },
      async pushImage(id, name, push) {
        const { fails } = await ask('push', name);
        if (fails === undefined) return await driver.pushImage(id, name, push);
        throw RivetError.of('RIVET_CONTAINER_PUSH_FAILED', { image: name, reason: fails });
      },
      async pullImage(image, pull) {
        // Images that containers and builds need are there, as those of stages are.
        const asked = options.calls.get()?.name === 'container.pull';
        const fails = asked ? (await ask('pull', image)).fails : undefined;
        if (fails !== undefined) {
          throw RivetError.of('RIVET_CONTAINER_IMAGE_NOT_FOUND', { image, reason: fails });
        }
        const facts = await driver.pullImage(image, pull);
        options.names.set(facts.id, image);
        return facts;
      },
    },
  };
}

interface ImageReply {
  /** What a build prints. */
  readonly stdout: string;
  readonly fails: string | undefined;
}

function readImageReply(value: LuaValue, mock: string): ImageReply {
  const { stdout = '', fails = null } = asRecord(value) ?? {};
  if (typeof stdout !== 'string') {
    throw wrongValue(stdout, 'a text', { function: mock, path: 'stdout' });
  }
  const failed = fails !== null && fails !== false;
  return {
    stdout,
    fails: failed ? (fails === true ? 'the test says so' : String(fails)) : undefined,
  };
}
