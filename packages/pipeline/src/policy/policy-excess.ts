// Finds what a policy asks for beyond the one above it, as far as that can be told from the rules.
import { formatSize, parseSize } from '@rivet/base';
import type { PipelinePolicy } from '@rivet/protocol';
import { httpRuleAllows, httpRuleDenies } from './http-rule.ts';
import { ruleAllowsImage, ruleDeniesImage, ruleMatchesCommand } from './policy-rules.ts';

/** A rule that cannot have an effect, as the level above is stricter. */
export interface PolicyExcess {
  /** `process.allow[2]` */
  readonly path: string;
  readonly found: string | number | boolean;
  /** The rule of the level above, such as `process.deny`. */
  readonly rule: string;
  /** What it says: `has "curl"`. */
  readonly says: string;
}

/** How strict a word is; the first is the strictest. */
const NETWORK_ORDER = ['none', 'default'];
const PULL_ORDER = ['never', 'missing', 'always'];
/** Rules that are sizes in bytes. */
const SIZES: ReadonlySet<string> = new Set(['fs.file_max', 'fs.workspace_max', 'limits.memory']);

/**
 * Every rule of `inner` that `outer` does not allow. Patterns with `*` are not compared: what both
 * match is what is allowed.
 */
export function policyExcess(outer: PipelinePolicy, inner: PipelinePolicy): PolicyExcess[] {
  return [
    ...listExcess('process', outer.process, inner.process, ruleMatchesCommand, ruleMatchesCommand),
    ...listExcess(
      'container',
      imageLists(outer),
      imageLists(inner),
      ruleAllowsImage,
      ruleDeniesImage,
      {
        allow: 'images',
        deny: 'deny_images',
      },
    ),
    ...listExcess('http', outer.http, inner.http, httpRuleAllows, httpRuleDenies),
    ...wordExcess(
      'container.network',
      outer.container?.network,
      inner.container?.network,
      NETWORK_ORDER,
    ),
    ...wordExcess('container.pull', outer.container?.pull, inner.container?.pull, PULL_ORDER),
    ...verifyExcess(outer, inner),
    ...numberExcess('http', outer.http, inner.http, ['rate']),
    ...numberExcess('fs', outer.fs, inner.fs, ['file_max', 'workspace_max']),
    ...numberExcess('limits', outer.limits, inner.limits, ['memory', 'cpus', 'pids']),
  ];
}

interface Lists {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

type Match = (rule: string, name: string) => boolean;

function imageLists({ container }: PipelinePolicy): Lists {
  return {
    ...(container?.images === undefined ? {} : { allow: container.images }),
    ...(container?.deny_images === undefined ? {} : { deny: container.deny_images }),
  };
}

function listExcess(
  section: string,
  outer: Lists | undefined,
  inner: Lists | undefined,
  allows: Match,
  denies: Match,
  names = { allow: 'allow', deny: 'deny' },
): PolicyExcess[] {
  const found: PolicyExcess[] = [];
  for (const [index, name] of (inner?.allow ?? []).entries()) {
    if (name.includes('*')) continue;
    const path = `${section}.${names.allow}[${index + 1}]`;
    const denied = outer?.deny?.find((rule) => denies(rule, name));
    if (denied !== undefined) {
      found.push({ path, found: name, rule: `${section}.${names.deny}`, says: `has "${denied}"` });
    } else if (outer?.allow !== undefined && !outer.allow.some((rule) => allows(rule, name))) {
      const rule = `${section}.${names.allow}`;
      found.push({ path, found: name, rule, says: `is ${showList(outer.allow)}` });
    }
  }
  return found;
}

function wordExcess(
  path: string,
  outer: string | undefined,
  inner: string | undefined,
  order: readonly string[],
): PolicyExcess[] {
  if (outer === undefined || inner === undefined) return [];
  if (order.indexOf(inner) <= order.indexOf(outer)) return [];
  return [{ path, found: inner, rule: path, says: `is "${outer}"` }];
}

function verifyExcess(outer: PipelinePolicy, inner: PipelinePolicy): PolicyExcess[] {
  const path = 'container.verify';
  return outer.container?.verify === true && inner.container?.verify === false
    ? [{ path, found: false, rule: path, says: 'is true' }]
    : [];
}

function numberExcess<K extends string>(
  section: string,
  outer: { readonly [Name in K]?: number } | undefined,
  inner: { readonly [Name in K]?: number } | undefined,
  keys: readonly K[],
): PolicyExcess[] {
  return keys.flatMap((key) => {
    const [limit, asked] = [outer?.[key], inner?.[key]];
    if (limit === undefined || asked === undefined || asked <= limit) return [];
    const path = `${section}.${key}`;
    const shown = (value: number) => (SIZES.has(path) ? showSize(value) : value);
    return [{ path, found: shown(asked), rule: path, says: `is ${JSON.stringify(shown(limit))}` }];
  });
}

/** As an author writes it, `"4GB"`; in bytes where that would be another number. */
function showSize(bytes: number): string | number {
  const text = formatSize(bytes);
  return parseSize(text) === bytes ? text : bytes;
}

/** Names as a message lists them; long lists are cut. */
export function showList(names: readonly string[]): string {
  if (names.length === 0) return 'empty';
  const shown = names.slice(0, 10).map((name) => `"${name}"`);
  const more = names.length - shown.length;
  return more === 0 ? shown.join(', ') : `${shown.join(', ')} and ${more} more`;
}
