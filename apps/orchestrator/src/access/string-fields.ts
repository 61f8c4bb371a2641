// For tests: every place of a route's request that takes text, found in its shapes.
import { type Route, type RouteName, routes } from '@rivet/protocol';

/** Where a text stands: a part of the request, and the way from there. */
export interface StringField {
  readonly part: 'params' | 'query' | 'body';
  readonly path: readonly (string | number)[];
  /** Whether its shape lets any text through: neither a pattern nor a list of values. */
  readonly free: boolean;
  /** Whether the text is the name of a field, not its value. */
  readonly isKey: boolean;
}

interface Shape {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Shape>>;
  readonly patternProperties?: Readonly<Record<string, Shape>>;
  readonly items?: Shape;
  readonly anyOf?: readonly Shape[];
  readonly enum?: unknown;
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
}

type Found = Omit<StringField, 'part'>;

export function stringFields(name: RouteName): StringField[] {
  const route: Route = routes[name];
  return (['params', 'query', 'body'] as const).flatMap((part) =>
    walk((route[part] ?? {}) as Shape, []).map((field) => ({ part, ...field })),
  );
}

function walk(shape: Shape, path: readonly (string | number)[]): Found[] {
  const fixed = [shape.enum, shape.const, shape.pattern, shape.format];
  const free = fixed.every((each) => each === undefined);
  const values = Object.values(shape.patternProperties ?? {});
  return [
    ...(shape.type === 'string' ? [{ path, free, isKey: false }] : []),
    ...Object.entries(shape.properties ?? {}).flatMap(([key, each]) => walk(each, [...path, key])),
    ...values.flatMap((each) => [
      { path, free: true, isKey: true },
      ...walk(each, [...path, 'anything']),
    ]),
    ...(shape.items === undefined ? [] : walk(shape.items, [...path, 0])),
    ...unique((shape.anyOf ?? []).flatMap((each) => walk(each, path))),
  ];
}

function unique(fields: readonly Found[]): Found[] {
  return [...new Map(fields.map((field) => [JSON.stringify(field), field])).values()];
}

/** A copy of a request's part with the text in that place; what is missing on the way is made. */
export function withText(root: unknown, { path, isKey }: StringField, text: string): unknown {
  const keys = isKey ? [...path, text] : path;
  const value = isKey ? 'x' : text;
  return put(root, keys, value);
}

function put(root: unknown, [key, ...rest]: readonly (string | number)[], value: string): unknown {
  if (key === undefined) return value;
  if (typeof key === 'number') {
    const list = Array.isArray(root) ? root : [];
    return [put(list[0], rest, value), ...list.slice(1)];
  }
  const record = typeof root === 'object' && root !== null ? root : {};
  const inner = put((record as Record<string, unknown>)[key], rest, value);
  // By a list of entries: an assignment to `__proto__` would be lost.
  return Object.fromEntries([...Object.entries(record), [key, inner]]);
}
