// What an installation allows its pipelines, read from a JSON file.
import { readFile } from 'node:fs/promises';
import { RivetError } from '@rivet/base';
import { asRecord, type LuaValue } from '@rivet/lua';
import type { PipelinePolicy } from '@rivet/protocol';
import { IssueList } from '../definition/issue-list.ts';
import { renderIssues } from '../render-issues.ts';
import { readInstallationPolicy } from './read-policy.ts';

/** The rules of a pipeline, and those that only whoever runs Rivet may set. */
export interface InstallationPolicy extends Omit<PipelinePolicy, 'container'> {
  readonly container?: NonNullable<PipelinePolicy['container']> & {
    /** Whether containers may be privileged; false when absent. */
    readonly privileged?: boolean;
    /** Directories of the machine that containers may mount, with all that is in them. */
    readonly mounts?: readonly string[];
    /** Registries that are spoken to without TLS, or without a known certificate. */
    readonly insecure_registries?: readonly string[];
    /** Whether builds may use, and leave, steps of other jobs' builds; false when absent. */
    readonly build_cache?: boolean;
    /** Podman's policy.json that images are held against; Podman's own when absent. */
    readonly signature_policy?: string;
  };
}

const FILE_BYTES_MAX = 1024 * 1024;

/**
 * Reads the policy file of an installation; without a path everything is allowed that is not
 * dangerous to the machine itself.
 * @throws RIVET_POLICY_FILE_INVALID with every mistake and its path in the file
 */
export async function loadInstallationPolicy(
  path: string | undefined,
): Promise<InstallationPolicy> {
  if (path === undefined || path === '') return {};
  const invalid = (problem: string): RivetError =>
    RivetError.of('RIVET_POLICY_FILE_INVALID', { path, problem });
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw invalid(code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code})`);
  }
  if (text.length > FILE_BYTES_MAX) throw invalid(`it is larger than ${FILE_BYTES_MAX} bytes`);
  let value: LuaValue;
  try {
    value = JSON.parse(text) as LuaValue;
  } catch (error) {
    throw invalid(`it is not JSON: ${(error as Error).message}`);
  }
  if (asRecord(value) === undefined || Array.isArray(value)) {
    throw invalid('expected one JSON object such as {"process": {"deny": ["curl"]}}');
  }
  const issues = new IssueList();
  const policy = readInstallationPolicy(value, issues);
  if (policy === undefined || issues.length > 0) {
    throw invalid(`it has mistakes\n${renderIssues(issues.toArray())}`);
  }
  return policy;
}
