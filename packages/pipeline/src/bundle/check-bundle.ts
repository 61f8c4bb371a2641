// Holds a bundle that came over the wire against the rules that `readBundle` keeps by itself.
import { formatSize, RivetError } from '@rivet/base';
import type { PipelineBundle } from '@rivet/protocol';
import { showText } from '../definition/show-value.ts';
import { BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, SOURCE_BYTES_MAX, tooLarge } from './bundle-limits.ts';

/** A folder or file name: no separator, nothing a shell or a terminal would take for its own. */
const PATH_PART = /^[^/\\\p{Cc}\p{Cf}]{1,255}$/u;
const PATH_LENGTH_MAX = 1000;

/**
 * Checks paths, sizes and text of a bundle.
 * @throws RIVET_PIPELINE_BUNDLE_INVALID, RIVET_PIPELINE_TOO_LARGE
 */
export function checkBundle(bundle: PipelineBundle): void {
  const entries = Object.entries(bundle.files);
  if (!Object.hasOwn(bundle.files, bundle.main)) {
    throw invalid(`its main file ${showText(bundle.main)} is not among its files`);
  }
  if (entries.length > BUNDLE_FILES_MAX) {
    throw RivetError.of('RIVET_PIPELINE_TOO_LARGE', {
      what: 'the bundle',
      found: `${entries.length} files`,
      limit: `${BUNDLE_FILES_MAX} files`,
    });
  }
  let total = 0;
  for (const [path, text] of entries) {
    checkPath(path);
    const bytes = Buffer.byteLength(text);
    if (bytes > SOURCE_BYTES_MAX) throw tooLarge(path, bytes, SOURCE_BYTES_MAX);
    total += bytes;
    checkText(path, text);
  }
  if (total > BUNDLE_BYTES_MAX) throw tooLarge('the bundle', total, BUNDLE_BYTES_MAX);
}

function checkPath(path: string): void {
  const parts = path.split('/');
  const good = parts.every((part) => PATH_PART.test(part) && part !== '.' && part !== '..');
  if (!good || path.length > PATH_LENGTH_MAX) {
    throw invalid(`${showText(path)} is not a relative path below the pipeline's folder`);
  }
}

function checkText(path: string, text: string): void {
  if (text.trim() === '') throw invalid(`${path} is empty`);
  if (text.includes('\0')) throw invalid(`${path} has a zero byte; expected Lua text`);
  if (text.startsWith('\x1b')) throw invalid(`${path} is compiled Lua; expected Lua text`);
  if (!text.isWellFormed()) throw invalid(`${path} has half a surrogate pair; expected UTF-8 text`);
}

function invalid(problem: string): RivetError {
  return RivetError.of('RIVET_PIPELINE_BUNDLE_INVALID', {
    problem,
    limits: `${formatSize(SOURCE_BYTES_MAX)} a file, ${formatSize(BUNDLE_BYTES_MAX)} in all`,
  });
}
