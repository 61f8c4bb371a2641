// Holds what a request says against the shapes of its route: every mistake at once, unknown names
// too.
import { nearest, RivetError } from '@rivet/base';
import type { TSchema } from 'typebox';
import type { DefinitionIssue } from './definition.ts';

type Place = 'path' | 'query' | 'body';

/** Checks values of one shape; throws RIVET_REQUEST_INVALID with every mistake. */
export type Validate = (value: unknown) => unknown;

export interface ValidationOptions {
  /** Texts may hold anything, as log lines do. Otherwise NUL and lone surrogates are refused. */
  readonly anyText: boolean;
}

interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  /** On what is never shown again, a password say: not in the message of a mistake either. */
  readonly writeOnly?: boolean;
}

const ISSUES_MAX = 50;

/** Prepares the check of a shape, once for all requests. */
export async function createValidator(
  schema: TSchema,
  place: Place,
  options: ValidationOptions,
): Promise<Validate> {
  // Only servers need it, and it takes a while to load.
  const { Compile } = await import('typebox/compile');
  const compiled = Compile(schema);
  return (given) => {
    const value = place === 'query' ? readNumbers(schema as SchemaNode, given) : given;
    const issues: DefinitionIssue[] = [];
    // Before anything else: it names what a misspelt field was meant to be.
    if (hasUnknown(schema as SchemaNode, value)) {
      findUnknown(schema as SchemaNode, value, place, issues);
    }
    if (!options.anyText) findBadText(value, place, issues);
    if (!compiled.Check(value))
      issues.push(...shapeIssues(schema as SchemaNode, compiled.Errors(value), value, place));
    if (issues.length > 0) throw requestInvalid(issues.slice(0, ISSUES_MAX));
    return value;
  };
}

/** The error for mistakes in a request; the message has the first of them. */
function requestInvalid(issues: readonly DefinitionIssue[]): RivetError {
  const first = issues[0]?.message ?? '';
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return RivetError.of('RIVET_REQUEST_INVALID', {
    summary: `${first}${more}`,
    issues: issues.map((issue) => ({ ...issue })),
  });
}

/** Query values are text: those that should be numbers become numbers when they are decimal. */
function readNumbers(schema: SchemaNode, query: unknown): unknown {
  const entries = Object.entries((query ?? {}) as Record<string, unknown>).map(([name, value]) => {
    const type = schema.properties?.[name]?.type;
    const numeric = type === 'integer' || type === 'number';
    const isNumber = numeric && typeof value === 'string' && /^-?\d{1,15}$/.test(value);
    return [name, isNumber ? Number(value) : value];
  });
  return Object.fromEntries(entries);
}

interface ShapeError {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly message: string;
  readonly params: object;
}

function shapeIssues(
  schema: SchemaNode,
  errors: readonly ShapeError[],
  value: unknown,
  place: Place,
): DefinitionIssue[] {
  // The branches of a union are told by the union itself.
  const outer = errors.filter(({ schemaPath }) => !/\/anyOf\/\d/.test(schemaPath));
  return outer.flatMap((error) => {
    const path = readablePath(place, error.instancePath);
    const { requiredProperties } = error.params as { requiredProperties?: string[] };
    if (requiredProperties !== undefined) {
      return requiredProperties.map((name) => ({
        path: `${path}.${name}`,
        message: `${path}.${name} is missing`,
        found: 'nothing',
        expected: 'a value',
      }));
    }
    const expected = expectation(error, errors);
    const wrong = valueAt(value, error.instancePath);
    const hidden = hasHidden(nodeAt(schema, error.instancePath));
    const found = hidden ? `${kindOf(wrong)} that is not shown` : show(wrong);
    return [{ path, message: `${path} is ${found}; expected ${expected}`, found, expected }];
  });
}

function expectation(error: ShapeError, all: readonly ShapeError[]): string {
  const params = error.params as { allowedValues?: unknown[]; type?: string; format?: string };
  if (params.allowedValues !== undefined) return `one of ${params.allowedValues.join(', ')}`;
  if (error.keyword === 'anyOf') {
    const prefix = `${error.schemaPath}/anyOf/`;
    const branches = all.filter(({ schemaPath }) => schemaPath.startsWith(prefix));
    return [...new Set(branches.map((branch) => expectation(branch, [])))].join(' or ');
  }
  if (params.format !== undefined) return `a ${params.format}`;
  return params.type ?? error.message.replace(/^must /, 'to ');
}

/** Whether `findUnknown` finds something: without the names of places, which cost more than all else. */
function hasUnknown(schema: SchemaNode, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) {
    const { items } = schema;
    return items !== undefined && value.some((item) => hasUnknown(items, item));
  }
  if (schema.type !== 'object') return false;
  const { properties, patternProperties } = schema;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) {
    const known =
      properties !== undefined && Object.hasOwn(properties, name)
        ? properties[name]
        : Object.values(patternProperties ?? {})[0];
    if (known === undefined) {
      if (properties !== undefined) return true;
    } else if (hasUnknown(known, fields[name])) return true;
  }
  return false;
}

function findUnknown(
  schema: SchemaNode,
  value: unknown,
  path: string,
  issues: DefinitionIssue[],
): void {
  if (issues.length >= ISSUES_MAX) return;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) {
      findUnknown(items, item, `${path}[${index + 1}]`, issues);
    }
    return;
  }
  if (typeof value !== 'object' || value === null || schema.type !== 'object') return;
  const { properties, patternProperties } = schema;
  const anyValue = Object.values(patternProperties ?? {})[0];
  for (const [name, field] of Object.entries(value)) {
    const known = Object.hasOwn(properties ?? {}, name) ? properties?.[name] : anyValue;
    if (known !== undefined) {
      findUnknown(known, field, `${path}.${name}`, issues);
    } else if (properties !== undefined) {
      const near = nearest(name, Object.keys(properties));
      const meant = near === undefined ? '' : `; did you mean "${near}"?`;
      const message = `${path} has no field ${JSON.stringify(name)}${meant}`;
      issues.push({ path: `${path}.${name}`, message, ...(near && { nearest: near }) });
      if (issues.length >= ISSUES_MAX) return;
    }
  }
}

/** PostgreSQL cannot store NUL in a text, and half a surrogate pair is no character. */
function findBadText(root: unknown, place: Place, issues: DefinitionIssue[]): void {
  const stack: { path: string; value: unknown }[] = [{ path: place, value: root }];
  for (
    let entry = stack.pop();
    entry !== undefined && issues.length < ISSUES_MAX;
    entry = stack.pop()
  ) {
    const { path, value } = entry;
    if (typeof value === 'string') {
      const bad = badCharacter(value);
      if (bad !== undefined) {
        issues.push({ path, message: `${path} contains ${bad}`, expected: 'text without it' });
      }
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, field] of Object.entries(value)) {
        const bad = badCharacter(name);
        if (bad !== undefined) {
          issues.push({ path, message: `a field name in ${path} contains ${bad}` });
        }
        stack.push({ path: `${path}.${name}`, value: field });
      }
    }
  }
}

function badCharacter(text: string): string | undefined {
  if (text.includes('\0')) return 'the character U+0000';
  return text.isWellFormed() ? undefined : 'half of a surrogate pair';
}

function readablePath(place: Place, pointer: string): string {
  const steps = pointer.split('/').slice(1);
  const names = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce(
    (path, name) => (/^\d+$/.test(name) ? `${path}[${Number(name) + 1}]` : `${path}.${name}`),
    place as string,
  );
}

/** The shape at a place of a value, as far as it is known. */
function nodeAt(root: SchemaNode, pointer: string): SchemaNode | undefined {
  const names = pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return names.reduce<SchemaNode | undefined>(
    (node, name) =>
      node?.properties?.[name] ?? node?.items ?? Object.values(node?.patternProperties ?? {})[0],
    root,
  );
}

/** Whether a value of that shape is or holds something that must not be shown. */
function hasHidden(node: SchemaNode | undefined): boolean {
  if (node === undefined) return false;
  return node.writeOnly === true || Object.values(node.properties ?? {}).some(hasHidden);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return value === null ? 'null' : `a value of the type ${typeof value}`;
}

function valueAt(root: unknown, pointer: string): unknown {
  const steps = pointer.split('/').slice(1);
  return steps.reduce<unknown>((value, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    return (value as Record<string, unknown> | undefined)?.[name];
  }, root);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
