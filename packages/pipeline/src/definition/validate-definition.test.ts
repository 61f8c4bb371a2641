// Every mistake of a definition, with its path and its exact words.
import { LuaFunction, type LuaRecord, type LuaValue } from '@rivet/lua';
import type { DefinitionIssue } from '@rivet/protocol';
import { processorMsOf } from '@rivet/testing';
import { describe, expect, test } from 'vitest';
import { goodDefinition, wrongDefinitions } from '../fixtures/wrong-definitions.ts';
import { ISSUES_MAX } from './issue-list.ts';
import { validateDefinition } from './validate-definition.ts';

const script = new LuaFunction(7, { file: 'pipeline.lua', line: 3 });

function said({ path, message, found, expected, nearest }: DefinitionIssue): string {
  return [
    path === '' ? '(all)' : path,
    message,
    ...(found === undefined ? [] : [`found ${found}`]),
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(nearest === undefined ? [] : [`nearest ${nearest}`]),
  ].join(' | ');
}

function issuesOf(fields: LuaRecord): string[] {
  return validateDefinition({ ...goodDefinition, ...fields }).issues.map(said);
}

describe('a definition with one mistake', () => {
  test.each(wrongDefinitions)('%j is told as it should be', (fields, expected) => {
    expect(issuesOf(fields)).toEqual([expected]);
  });

  test('there are at least a hundred kinds, and no two are told alike', () => {
    expect(wrongDefinitions.length).toBeGreaterThanOrEqual(100);
    expect(new Set(wrongDefinitions.map(([fields]) => JSON.stringify(fields))).size).toBe(
      wrongDefinitions.length,
    );
  });
});

describe('a good definition', () => {
  test('comes out canonical: durations in ms, sizes in bytes, absent rules as null', () => {
    const { definition, functions, issues } = validateDefinition({
      name: 'build',
      inputs: {
        zeta: { type: 'list', items: { type: 'number', min: 1 }, default: [2, 3] },
        alpha: { type: 'string', required: false, validate: script },
      },
      runner: [{ key: 'os', value: '*' }],
      secrets: ['NPM_TOKEN'],
      env: { CI: 'true' },
      timeout: '30m',
      retry: { max: 2 },
      policy: { process: { allow: ['git'], deny: [] }, container: { network: 'none' } },
      stages: [
        { name: 'build', script, container: { image: 'alpine:3.20', memory: '64MB' } },
        { name: 'test', script, needs: ['build'], condition: script, timeout: 90, always: true },
      ],
    });
    expect(issues).toEqual([]);
    expect(definition).toMatchObject({
      description: '',
      timeout_ms: 1_800_000,
      retry: { max: 2, on: ['runner_lost', 'infrastructure'] },
      plugins: [],
    });
    expect(definition?.inputs).toEqual([
      {
        name: 'zeta',
        type: 'list',
        required: false,
        secret: false,
        default: [2, 3],
        items: { type: 'number', min: 1 },
        has_validate: false,
      },
      { name: 'alpha', type: 'string', required: false, secret: false, has_validate: true },
    ]);
    expect(definition?.stages).toEqual([
      {
        name: 'build',
        needs: null,
        container: { image: 'alpine:3.20', memory: 67_108_864 },
        has_condition: false,
        timeout_ms: null,
        retry_max: 0,
        allow_failure: false,
        readonly: false,
        always: false,
      },
      {
        name: 'test',
        needs: ['build'],
        container: null,
        has_condition: true,
        timeout_ms: 90_000,
        retry_max: 0,
        allow_failure: false,
        readonly: false,
        always: true,
      },
    ]);
    expect(functions?.stages.get('test')).toEqual({ script, condition: script });
    expect(functions?.inputs.get('alpha')).toBe(script);
  });

  test('needs may name a stage further down, and an empty list starts at once', () => {
    const stages = [
      { name: 'late', script, needs: ['early'] },
      { name: 'early', script, needs: [] },
    ];
    expect(validateDefinition({ name: 'x', stages }).issues).toEqual([]);
  });

  test('nil fields count as absent', () => {
    expect(issuesOf({ description: null, timeout: null, retry: null })).toEqual([]);
    expect(issuesOf({ retry: { max: 1, on: ['interrupted', 75] } })).toEqual([]);
  });
});

describe('many mistakes', () => {
  test('all of them are told at once, in the order of the lines', () => {
    const positions = new Map([
      ['timeout', { file: 'pipeline.lua', line: 2 }],
      ['stages[1]', { file: 'pipeline.lua', line: 5 }],
      ['stages[1].nmae', { file: 'pipeline.lua', line: 6, column: 5 }],
    ]);
    const files = { 'pipeline.lua': 'a\ntimeout = -1\n\n\nstage\n    nmae = "x"\r\n' };
    const { issues } = validateDefinition(
      { name: 'x', timeout: -1, stages: [{ nmae: 'x' }] },
      { positions, files },
    );
    expect(issues.map(({ path, line, source_line }) => [path, line, source_line])).toEqual([
      ['timeout', 2, 'timeout = -1'],
      ['stages[1].name', 5, 'stage'],
      ['stages[1].script', 5, 'stage'],
      ['stages[1].nmae', 6, '    nmae = "x"'],
    ]);
    expect(issues[3]?.column).toBe(5);
  });

  test('the search ends after two hundred, and says so', () => {
    const record: LuaRecord = {};
    for (let index = 0; index < 5000; index += 1) record[`field${index}`] = 1;
    const { issues } = validateDefinition({ ...goodDefinition, ...record });
    expect(issues).toHaveLength(ISSUES_MAX + 1);
    expect(issues.at(-1)?.message).toMatch('there are more mistakes than these 200');
  });
});

describe('a hostile definition', () => {
  test.each<[LuaValue | undefined, string]>([
    [undefined, 'nothing'],
    [null, 'nothing'],
    ['text', '"text"'],
    [script, 'a function'],
    [[1, 2], 'a list of 2'],
    [new Uint8Array([1]), 'text that is not UTF-8'],
  ])('%s is no definition', (value, found) => {
    const { issues } = validateDefinition(value);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({ message: 'the definition is not a table of fields', found });
  });

  test('keys of the prototype are keys like any other', () => {
    const record: LuaRecord = JSON.parse('{"__proto__": {"polluted": true}, "toString": 1}');
    const env: LuaRecord = JSON.parse('{"__proto__": "x"}');
    const { issues } = validateDefinition({ ...goodDefinition, ...record, env });
    expect(issues.map(({ path }) => path)).toEqual(['__proto__', 'toString', 'env.__proto__']);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('an input may be called constructor', () => {
    const inputs = { constructor: { type: 'string' } } as unknown as LuaRecord;
    const { definition } = validateDefinition({ ...goodDefinition, inputs });
    expect(definition?.inputs[0]?.name).toBe('constructor');
  });

  test('a value a million characters long is shown short', () => {
    const { issues } = validateDefinition({ name: 'x', timeout: 'y'.repeat(1e6), stages: [] });
    for (const issue of issues) expect(JSON.stringify(issue).length).toBeLessThan(500);
  });

  test('a million keys, ten thousand stages and a ring of a thousand end fast', async () => {
    const keys: LuaRecord = Object.create(null);
    for (let index = 0; index < 1e6; index += 1) keys[`k${index}`] = 1;
    expect(await processorMsOf(() => validateDefinition(keys))).toBeLessThan(10_000);
    const stages = Array.from({ length: 10_000 }, (_, index) => ({ name: `s${index}`, script }));
    expect(issuesOf({ stages })).toEqual([
      'stages | there are too many stages | found 10000 | expected at most 1000',
    ]);
    const ring = Array.from({ length: 1000 }, (_, index) => ({
      name: `s${index}`,
      script,
      needs: [`s${(index + 1) % 1000}`],
    }));
    let said: string[] = [];
    expect(await processorMsOf(() => (said = issuesOf({ stages: ring })))).toBeLessThan(10_000);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/s0 → s1 → s2 → s3 → s4 → s5 → … → s996/);
  });

  test('a million needs are refused before they are read, and many unknown ones end fast', async () => {
    const stagesWith = (count: number) =>
      Array.from({ length: 1000 }, (_, stage) => ({
        name: `s${stage}`,
        script,
        needs: Array.from({ length: count }, (_, index) => `unknown-${index}`),
      }));
    expect(issuesOf({ stages: stagesWith(1000) })).toEqual([
      'stages | the stages have too many needs in all | found 1000000 | expected at most 20000',
    ]);
    expect(await processorMsOf(() => issuesOf({ stages: stagesWith(20) }))).toBeLessThan(10_000);
  });

  test('two separate cycles are both told', () => {
    const ring = (a: string, b: string) => [
      { name: a, script, needs: [b] },
      { name: b, script, needs: [a] },
    ];
    expect(issuesOf({ stages: [...ring('a', 'b'), ...ring('c', 'd')] })).toHaveLength(2);
  });
});
