// What a pipeline allows itself: held against every command and every container.
import { posix } from 'node:path';
import { RivetError } from '@rivet/base';
import { qualifyImageName } from '@rivet/containers';
import type { ContainerOptions, PipelinePolicy } from '@rivet/protocol';

/** Throws RIVET_POLICY_DENIED for what is not allowed. */
export interface Policy {
  /** `command` is the program as the script wrote it. */
  checkCommand(command: string): void;
  /** The options with what the policy fixes filled in. */
  checkContainer(options: ContainerOptions): ContainerOptions;
}

/**
 * `process` rules are names (`make`: that program in any directory) or paths (exactly that one).
 * They are a guard against slips, not a wall: an allowed `sh` can start anything in its container.
 * `container.images` are names in which `*` stands for any text.
 */
export function createPolicy(rules: PipelinePolicy): Policy {
  const { allow, deny } = rules.process ?? {};
  const container = rules.container ?? {};
  return {
    checkCommand(command) {
      const what = `the command ${JSON.stringify(command)}`;
      const denied = deny?.find((rule) => commandMatches(rule, command));
      if (denied !== undefined) throw refused(what, `process.deny has "${denied}"`);
      if (allow !== undefined && !allow.some((rule) => commandMatches(rule, command))) {
        throw refused(what, `process.allow is ${list(allow)}`);
      }
    },
    checkContainer(options) {
      const { images, network, pull } = container;
      if (images !== undefined && !images.some((glob) => allowsImage(glob, options.image))) {
        throw refused(`the image "${options.image}"`, `container.images is ${list(images)}`);
      }
      if (network === 'none' && options.network === 'default') {
        throw refused('network = "default"', 'container.network is "none"');
      }
      if (pull !== undefined && options.pull !== undefined && exceeds(options.pull, pull)) {
        throw refused(`pull = "${options.pull}"`, `container.pull is "${pull}"`);
      }
      return {
        ...options,
        ...(network === undefined ? {} : { network: options.network ?? network }),
        ...(pull === undefined ? {} : { pull: options.pull ?? pull }),
      };
    },
  };
}

function commandMatches(rule: string, command: string): boolean {
  return rule.includes('/') ? rule === command : rule === posix.basename(command);
}

/** A short name such as `alpine` may also be allowed under its full name. */
function allowsImage(glob: string, image: string): boolean {
  return imageMatches(glob, image) || imageMatches(glob, qualifyImageName(image));
}

/** Linear in the length of both, whatever the rule: no backtracking. */
function imageMatches(glob: string, image: string): boolean {
  const parts = glob.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return glob === image;
  if (!image.startsWith(first)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = image.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return image.length - last.length >= from && image.endsWith(last);
}

const PULL_ORDER = ['never', 'missing', 'always'] as const;

function exceeds(
  asked: (typeof PULL_ORDER)[number],
  allowed: (typeof PULL_ORDER)[number],
): boolean {
  return PULL_ORDER.indexOf(asked) > PULL_ORDER.indexOf(allowed);
}

function refused(what: string, rule: string): RivetError {
  return RivetError.of('RIVET_POLICY_DENIED', { what, rule });
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'empty' : names.map((name) => `"${name}"`).join(', ');
}
