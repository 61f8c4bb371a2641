// What single rules of a policy match: commands, image names, hosts.
import { posix } from 'node:path';
import { type ImageName, qualifyImage, readImageName } from '@rivet/base';

/** A rule with a slash is exactly that path; one without is that program in any directory. */
export function ruleMatchesCommand(rule: string, command: string): boolean {
  return rule.includes('/') ? rule === command : rule === posix.basename(command);
}

/** A short name such as `alpine` may also be allowed under its full name. */
export function ruleAllowsImage(rule: string, image: string): boolean {
  const name = readImageName(image);
  const spellings = 'problem' in name ? [image] : [image, qualifyImage(name)];
  return spellings.some((spelling) => matchesGlob(rule, spelling));
}

/**
 * Whether a rule that denies means this image, however its name is spelt: a rule without a tag
 * means every version.
 */
export function ruleDeniesImage(rule: string, image: string): boolean {
  const name = readImageName(image);
  if ('problem' in name) return matchesGlob(rule, image);
  const registry = plainRegistry(name.registry);
  const full = qualifyImage({ ...name, registry });
  const untagged = full.replace(/(?:@.*|:[^:/]*)$/, '');
  const tagged = `${untagged}:${name.tag ?? 'latest'}`;
  const spellings = [image, full, untagged, tagged];
  const wanted = readImageName(rule);
  // "alpine" is to mean what it means where an image is named.
  const wantedFull = 'problem' in wanted ? rule : longForm(wanted);
  return spellings.some((text) => matchesGlob(rule, text) || matchesGlob(wantedFull, text));
}

function longForm(name: ImageName): string {
  const full = qualifyImage({ ...name, registry: plainRegistry(name.registry) });
  const isOpen = name.tag === undefined && name.digest === undefined;
  return isOpen ? full.replace(/:latest$/, '') : full;
}

/** One spelling for a registry that has several. */
function plainRegistry(registry: string | undefined): string | undefined {
  const host = registry?.toLowerCase().replace(/:443$/, '');
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

/**
 * `*` stands for any text. Linear in the length of both, whatever the rule: no backtracking.
 */
export function matchesGlob(glob: string, text: string): boolean {
  const parts = glob.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return glob === text;
  if (!text.startsWith(first)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const at = text.indexOf(part, from);
    if (at === -1) return false;
    from = at + part.length;
  }
  return text.length - last.length >= from && text.endsWith(last);
}
