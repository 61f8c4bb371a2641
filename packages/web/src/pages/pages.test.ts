// The markup of pages: nothing inline, nothing trusted, bounded whatever a job tells.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobDetail, LogPage } from '@rivet/protocol';
import { hostileMarkup } from '@rivet/testing';
import { describe, expect, it } from 'vitest';
import { assets } from '../assets/assets.ts';
import { jobListPage } from './job-list-page.ts';
import { jobPage, jobUpdate } from './job-page.ts';
import { problemPage } from './problem-page.ts';
import { signInPage } from './sign-in-page.ts';

const now = new Date('2026-01-01T00:01:00Z');
const log: LogPage = { attempt: 1, lines: [], last: 0, complete: true };

function jobOf(text: string, changes: Partial<JobDetail> = {}): JobDetail {
  return {
    id: '0190a0a0-0000-7000-8000-000000000000',
    pipeline: text,
    version: 1,
    state: 'failed',
    reason: 'stage_failed',
    message: text,
    attempt: 2,
    runner: text,
    launched_by: text,
    event: 'api',
    priority: 0,
    cancel_requested: false,
    created_at: '2026-01-01T00:00:00.000Z',
    started_at: '2026-01-01T00:00:01.000Z',
    finished_at: null,
    inputs: { [text]: text },
    tags: [],
    stages: [
      {
        name: text,
        position: 1,
        state: 'failed',
        reason: text,
        code: null,
        run: 1,
        unchecked_exits: 0,
        started_at: null,
        finished_at: null,
      },
    ],
    outputs: { [text]: [text] },
    summary: text,
    log_lines: 0,
    ...changes,
  };
}

const problem = (text: string) => ({
  type: 'urn:rivet:error:RIVET_X',
  title: 'Bad Request',
  status: 400,
  detail: text,
  code: 'RIVET_X',
  solve: `Run \`${text}\`.`,
});

const pages: readonly [string, (text: string) => string][] = [
  ['of a job', (text) => jobPage({ job: jobOf(text), log, now, waitsFor: [text] }, text)],
  ['piece of a job', (text) => jobUpdate({ job: jobOf(text), log, now, waitsFor: [text] })],
  ['of jobs', (text) => jobListPage({ user: text, jobs: [jobOf(text)], next: text, now })],
  ['of a problem', (text) => problemPage(problem(text), text)],
  [
    'for signing in',
    (text) =>
      signInPage({
        next: text,
        elsewhere: text,
        name: text,
        problem: { detail: text, solve: text },
        temporary: true,
      }),
  ],
];

/** Tags and attributes, without what stands in attributes and text. */
const skeleton = (markup: string): string =>
  (markup.match(/<[^>]*>/g) ?? []).map((tag) => tag.replaceAll(/"[^"]*"/g, '""')).join('');

describe.each(pages)('the page %s', (_, render) => {
  it('has nothing inline that a content policy would have to allow', () => {
    const markup = render('name');
    expect(markup).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:/);
    for (const [script] of markup.matchAll(/<script[^>]*>[^<]*/g)) {
      expect(script).toMatch(/^<script src="\/assets\/htmx-[0-9a-f]{12}\.js" defer>$/);
    }
  });

  it.each(hostileMarkup)('has the same elements whatever users write: %j', (text) => {
    // Characters that cannot be seen have an element each.
    const seen = (markup: string): string =>
      skeleton(markup.replaceAll(/<span class="invisible">[^<]*<\/span>/g, ''));
    const code = text.includes('`') ? 'a `code` b' : 'name';
    expect(seen(render(text)).replaceAll(/<\/?code>|<bdi hx-disable><\/bdi>/g, '')).toBe(
      seen(render(code)).replaceAll(/<\/?code>|<bdi hx-disable><\/bdi>/g, ''),
    );
  });
});

describe('the page of a job that tells too much', () => {
  it('stays small', () => {
    const text = 'x'.repeat(1_000_000);
    const many = Object.fromEntries(
      Array.from({ length: 5000 }, (_, index) => [`output ${index}`, 'x'.repeat(3000)]),
    );
    const markup = jobUpdate({ job: jobOf(text, { outputs: many }), log, now, waitsFor: [] });
    expect(markup.length).toBeLessThan(1_000_000);
    expect(markup).toContain('980,000 more characters');
    expect(markup).toContain('… and 4,800 more');
  });
});

describe('the code of pages', () => {
  const root = join(import.meta.dirname, '..');
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
  );

  it('takes no markup on trust', () => {
    const trusting = sources.filter((path) =>
      /trustedHtml\(|Html\.of\(/.test(readFileSync(join(root, path), 'utf8')),
    );
    expect(trusting).toEqual(['template/html.ts']);
  });

  it('has files whose names change with their content', () => {
    for (const [path, { body }] of assets) {
      expect(path).toMatch(/^\/assets\/[a-z]+-[0-9a-f]{12}\.(css|js)$/);
      expect(body.length).toBeGreaterThan(1000);
    }
  });
});
