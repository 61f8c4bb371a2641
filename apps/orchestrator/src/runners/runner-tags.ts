// Which tags a runner has: those that its registration gives it, and those it may say by itself.
import { RivetError } from '@rivet/base';
import type { RunnerTag } from '@rivet/protocol';

/** Every runner tells these; one that may not is not refused, it just does not have them. */
const TOLD_BY_ALL: readonly string[] = ['os', 'arch'];
const RESERVED = /^rivet[.:/]/i;

/** @throws RIVET_RUNNER_TAG_RESERVED */
export function checkTagKeys(keys: readonly string[]): void {
  const reserved = keys.find((key) => RESERVED.test(key));
  if (reserved !== undefined) throw RivetError.of('RIVET_RUNNER_TAG_RESERVED', { key: reserved });
}

/**
 * The tags of a runner that says `told` about itself. What is fixed wins over what is told.
 * @param choosable keys that it may say; `*` means any
 * @throws RIVET_RUNNER_TAG_DENIED naming all that it may not say, RIVET_RUNNER_TAG_RESERVED
 */
export function grantTags(
  told: readonly RunnerTag[],
  fixed: readonly RunnerTag[],
  choosable: readonly string[],
): RunnerTag[] {
  checkTagKeys(told.map(({ key }) => key));
  const isFixed = ({ key, value }: RunnerTag): boolean =>
    fixed.some((tag) => tag.key === key && tag.value === value);
  const mayChoose = (key: string): boolean => choosable.includes(key) || choosable.includes('*');
  const denied = told.filter(
    (tag) => !mayChoose(tag.key) && !isFixed(tag) && !TOLD_BY_ALL.includes(tag.key),
  );
  if (denied.length > 0) {
    throw RivetError.of('RIVET_RUNNER_TAG_DENIED', {
      found: denied.map(({ key, value }) => `${key}=${value}`).join(', '),
      allowed: choosable.length === 0 ? 'none' : choosable.join(', '),
    });
  }
  const own = told.filter(({ key }) => mayChoose(key));
  const tags = new Map([...own, ...fixed].map((tag) => [tag.key, tag.value]));
  return [...tags].map(([key, value]) => ({ key, value }));
}
