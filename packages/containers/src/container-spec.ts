// Checks what a container is to be made from, before anything is started.
import { posix } from 'node:path';
import { RivetError } from '@rivet/base';
import type { ContainerSpec, Mount } from './driver.ts';
import { isImageId, parseImageName } from './images.ts';
import { checkEnv } from './request.ts';

/** Below it not even a shell starts. */
const MEMORY_BYTES_MIN = 6 * 1024 * 1024;

/** @throws RIVET_CONTAINER_SPEC_INVALID, RIVET_CONTAINER_IMAGE_INVALID */
export function checkSpec(spec: ContainerSpec): void {
  checkName(spec.name);
  if (!isImageId(spec.image)) parseImageName(spec.image);
  if (spec.imageId !== undefined && !isImageId(spec.imageId)) {
    throw invalid('the id of the image', JSON.stringify(spec.imageId), '64 hexadecimal digits');
  }
  checkLabels(spec.labels);
  checkEnv(spec.env, invalid);
  for (const word of spec.entrypoint) checkLine('the entrypoint', word);
  for (const mount of spec.mounts) checkMount(mount);
  for (const { target } of spec.scratch ?? []) checkPath('the target of a mount', target);
  checkTargets(spec);
  if (spec.beside !== undefined) checkName(spec.beside);
  if (!spec.controlDirectory.startsWith('/')) {
    throw invalid('the control directory', spec.controlDirectory, 'an absolute path');
  }
  checkLine('the control directory', spec.controlDirectory);
  if (
    spec.user !== undefined &&
    !/^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/.test(spec.user)
  ) {
    throw invalid('the user', JSON.stringify(spec.user), 'a name or number, or "user:group"');
  }
  checkLimits(spec);
}

/** @throws RIVET_CONTAINER_SPEC_INVALID */
export function checkLabels(labels: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(labels)) {
    if (!/^[a-z0-9](?:[a-z0-9._/-]*[a-z0-9])?$/.test(key)) {
      throw invalid('a label', JSON.stringify(key), 'small letters, digits, ".", "_", "/", "-"');
    }
    checkLine(`the label ${key}`, value);
  }
}

function checkLimits(spec: ContainerSpec): void {
  const { memoryBytes, cpus, pids } = spec;
  if (memoryBytes !== undefined && !(memoryBytes >= MEMORY_BYTES_MIN)) {
    throw invalid('the memory', `${memoryBytes} bytes`, 'at least 6 MB');
  }
  if (cpus !== undefined && !(cpus >= 0.01 && Number.isFinite(cpus))) {
    throw invalid('the number of cpus', String(cpus), 'a number from 0.01 on');
  }
  if (pids !== undefined && !(Number.isSafeInteger(pids) && pids >= 1)) {
    throw invalid('the limit of processes', String(pids), 'a whole number from 1 on');
  }
}

function checkName(name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}$/.test(name)) return;
  throw invalid('the name', JSON.stringify(name), 'letters, digits, "_", "." and "-"');
}

function checkMount(mount: Mount): void {
  checkPath('the source of a mount', mount.source);
  checkPath('the target of a mount', mount.target);
}

function checkPath(field: string, path: string): void {
  checkLine(field, path);
  if (!path.startsWith('/') || path.split('/').includes('..')) {
    throw invalid(field, JSON.stringify(path), 'an absolute path without ".."');
  }
}

/** Each target once, and none over what Rivet itself needs. */
function checkTargets({ mounts, scratch = [] }: ContainerSpec): void {
  const seen = new Set<string>();
  for (const { target } of [...mounts, ...scratch]) {
    const plain = posix.normalize(target).replace(/(?<=.)\/$/, '');
    if (/^\/(?:\.rivet(?:\/.*)?)?$/.test(plain)) {
      throw invalid('the target of a mount', target, 'neither "/" nor below "/.rivet"');
    }
    if (seen.has(plain)) throw invalid('the target of a mount', target, 'each target once');
    seen.add(plain);
  }
}

function checkLine(field: string, text: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) {
    throw invalid(field, JSON.stringify(text), 'text without control characters');
  }
}

function invalid(field: string, found: string, expected: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_SPEC_INVALID', { field, found, expected });
}
