// Patterns of names as SQL takes them: what somebody may see is filtered where it is read.

/**
 * The names that somebody may see: those that fit one of `within` and, where it is there, one of
 * `limit`. Undefined where a filter is taken: all names.
 */
export interface NameFilter {
  /** Patterns in which `*` stands for any text. */
  readonly within: readonly string[];
  readonly limit?: readonly string[];
}

/** A pattern in which `*` stands for any text, for LIKE. */
export function likePattern(pattern: string): string {
  return pattern.replaceAll(/[\\%_]/g, '\\$&').replaceAll('*', '%');
}

/** The two values of `nameFits`; NULL lets every name through. */
export function filterValues(
  filter: NameFilter | undefined,
): [within: string[] | null, limit: string[] | null] {
  return [
    filter === undefined ? null : filter.within.map(likePattern),
    filter?.limit === undefined ? null : filter.limit.map(likePattern),
  ];
}

/** SQL that is true where `column` fits the filter in the parameters `first` and `first + 1`. */
export function nameFits(column: string, first: number): string {
  const [within, limit] = [`$${first}::text[]`, `$${first + 1}::text[]`];
  return `(${within} IS NULL OR ${column} LIKE ANY(${within}))
     AND (${limit} IS NULL OR ${column} LIKE ANY(${limit}))`;
}
