// Checks what an image is to be built from, before anything is started.
import { RivetError } from '@rivet/base';
import { checkLabels } from './container-spec.ts';
import type { BuildSpec } from './image-operations.ts';
import { isImageId } from './images.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/;

/** @throws RIVET_CONTAINER_BUILD_INVALID */
export function checkBuild(spec: BuildSpec): void {
  checkLabels(spec.ownerLabels);
  for (const path of [
    spec.contextDirectory,
    spec.containerfile,
    spec.temporaryDirectory,
    ...Object.values(spec.secrets),
  ]) {
    if (!path.startsWith('/') || !isLine(path)) {
      throw invalid('a path', JSON.stringify(path), 'an absolute path');
    }
  }
  for (const [name, id] of spec.images) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._/:@[\]+-]*$/.test(name) || !isImageId(id)) {
      throw invalid('an image', JSON.stringify([name, id]), 'a name and the id of an image');
    }
  }
  for (const [name, value] of Object.entries(spec.buildArgs)) {
    check('the name of a build argument', name, NAME, 'letters, digits and "_"');
    if (value.includes('\0'))
      throw invalid(`build argument ${name}`, 'text with a NUL byte', 'text');
  }
  for (const id of Object.keys(spec.secrets)) {
    check('the id of a secret', id, /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, 'letters, digits, "_.-"');
  }
  for (const [name, value] of Object.entries(spec.labels)) {
    check(
      'the name of a label',
      name,
      /^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/,
      'letters, digits, "._/-"',
    );
    if (!isLine(value))
      throw invalid(`the label ${name}`, JSON.stringify(value), 'one line of text');
  }
  check('the target', spec.target, /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, 'the name of a stage');
}

function check(field: string, found: string | undefined, pattern: RegExp, expected: string): void {
  if (found === undefined || pattern.test(found)) return;
  throw invalid(field, JSON.stringify(found), expected);
}

function isLine(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text);
}

function invalid(field: string, found: string, expected: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_BUILD_INVALID', { field, found, expected });
}
