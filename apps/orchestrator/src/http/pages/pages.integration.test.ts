// The pages in a real browser: sign-in, a job that runs, hostile text, and attacks of other sites.
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClaimedJob, LogLine } from '@rivet/protocol';
import { readJob } from '@rivet/store';
import {
  type Browser,
  type BrowserContext,
  hostileMarkup,
  hostileSequences,
  type Page,
  startBrowser,
} from '@rivet/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD, seedPersonWithPassword } from '../../auth/test-people.ts';
import {
  FakeRunner,
  logLine,
  seedPipeline,
  stageDefinition,
  useTestOrchestrator,
} from '../../test-orchestrator.ts';

/** A machine that runs many tests at once is slow. */
const PATIENCE = { timeout: 60_000 };

const server = useTestOrchestrator();
/** By the name that browsers know to be this machine. */
let site: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let user: string;
/** What a page has done that no page should. */
let alarms: string[];

beforeAll(async () => {
  site = server.orchestrator.url.replace('127.0.0.1', 'localhost');
  browser = await startBrowser();
  user = (await seedPersonWithPassword(server.database, 'admin')).name;
});

afterAll(async () => {
  await browser?.close();
});

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  alarms = watch(page);
});

afterEach(() => context.close());

/** Dialogs, requests that hostile text asks for, and whatever the content policy had to stop. */
function watch(of: Page): string[] {
  const seen: string[] = [];
  of.on('dialog', (dialog) => {
    seen.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  of.on('request', (request) => {
    const { origin, pathname } = new URL(request.url());
    const own = origin === site && !pathname.includes('evil');
    if (!own && request.url() !== 'data:,') seen.push(`request: ${request.url()}`);
  });
  of.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) seen.push(message.text());
  });
  of.on('pageerror', (error) => seen.push(`error: ${error.message}`));
  return seen;
}

/** A site of an attacker: another port of this machine, by either of its names. */
let evil: Server;
let evilPort: number;
let evilMarkup: string;

/** A page of the attacker, while the victim is signed in here. */
async function lure(
  host: string,
  content: string,
): Promise<{ page: Page; sent: string[]; answers: number[]; noticed: string[] }> {
  evilMarkup = `<!doctype html><title>evil</title>${content}`;
  const victim = await context.newPage();
  const noticed = watch(victim);
  const sent: string[] = [];
  victim.on('request', (request) => sent.push(`${request.method()} ${request.url()}`));
  const answers: number[] = [];
  victim.on('response', (response) => {
    const { origin, pathname } = new URL(response.url());
    if (origin === site && !pathname.startsWith('/assets/')) answers.push(response.status());
  });
  await victim.goto(`http://${host}:${evilPort}/`, { waitUntil: 'commit' });
  return { page: victim, sent, answers, noticed };
}

beforeAll(async () => {
  evil = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(evilMarkup);
  });
  await new Promise<void>((resolve) => evil.listen(0, '127.0.0.1', resolve));
  evilPort = (evil.address() as AddressInfo).port;
});

afterAll(() => evil.close());

async function signIn(on = page, next = '/'): Promise<void> {
  await on.goto(`${site}/login?next=${encodeURIComponent(next)}`);
  await on.fill('#name', user);
  await on.fill('#password', PASSWORD);
  await on.click('button.primary');
  await on.waitForURL((url) => !url.pathname.startsWith('/login'));
}

async function claimed(
  name = `p-${randomUUID()}`,
  stages: string[] = [],
  inputs: Record<string, string> = {},
): Promise<ClaimedJob> {
  const seeded = await seedPipeline(server.database, {
    name,
    stages: stages.map(stageDefinition),
    inputs: Object.keys(inputs).map((input) => ({
      name: input,
      type: 'string',
      required: false,
      secret: false,
      has_validate: false,
    })),
  });
  const { items } = await server.client.listPipelines({ query: { limit: 200 } });
  const ref = items.find((pipeline) => pipeline.name === seeded)?.id ?? '';
  await server.client.launchPipeline({ ref, body: { inputs } });
  runner = await FakeRunner.register(server.client);
  return runner.claimOne();
}
let runner: FakeRunner;

const lines = (texts: readonly string[]): LogLine[] =>
  texts.map((text, index) => logLine(index + 1, text));

describe('signing in', () => {
  it('is asked for by a page, which comes after it, and gives a cookie that scripts cannot read', async () => {
    await page.goto(`${site}/?state=failed`);
    expect(page.url()).toBe(`${site}/login?next=${encodeURIComponent('/?state=failed')}`);
    await page.fill('#name', user);
    await page.fill('#password', PASSWORD);
    await page.click('button.primary');
    await page.waitForURL(`${site}/?state=failed`);
    expect(await page.textContent('.who')).toContain(user);
    expect(await context.cookies()).toEqual([
      expect.objectContaining({
        name: '__Host-rivet',
        domain: 'localhost',
        path: '/',
        secure: true,
        httpOnly: true,
        sameSite: 'Lax',
      }),
    ]);
    expect(await page.evaluate('document.cookie')).toBe('');
    expect(alarms).toEqual([]);
  });

  it('works on the address 127.0.0.1 too', async () => {
    site = server.orchestrator.url;
    try {
      await signIn();
      expect(await page.textContent('.who')).toContain(user);
    } finally {
      site = server.orchestrator.url.replace('127.0.0.1', 'localhost');
    }
  });

  it('says that a password is wrong, keeps the name, and signs nobody in', async () => {
    await page.goto(`${site}/login`);
    await page.fill('#name', user);
    await page.fill('#password', 'wrong');
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    await page.click('button.primary');
    expect((await answered).status()).toBe(401);
    expect(await page.textContent('[role=alert]')).toContain(
      'the name or the password is not right',
    );
    expect(await page.inputValue('#name')).toBe(user);
    expect(await page.inputValue('#password')).toBe('');
    expect(await context.cookies()).toEqual([]);
  });

  it.each([
    'https://evil.invalid/',
    '//evil.invalid',
    '/\\evil.invalid',
    'javascript:alert(1)',
    '/login',
  ])('leads to no other place than this site: %s', async (next) => {
    await signIn(page, next);
    expect(page.url()).toBe(`${site}/`);
    expect(alarms).toEqual([]);
  });

  it('ends with signing out, for every page', async () => {
    await signIn();
    const other = await context.newPage();
    await other.goto(`${site}/`);
    await page.click('text=Sign out');
    await page.waitForURL(`${site}/login`);
    expect(await context.cookies()).toEqual([]);
    await other.reload();
    expect(other.url()).toContain('/login');
  });

  it('asks for a new password in place of a temporary one', async () => {
    const name = `new-${randomUUID().slice(0, 8)}`;
    const made = await server.client.createUser({ body: { name, role: 'viewer' } });
    await page.goto(`${site}/login`);
    await page.fill('#name', name);
    await page.fill('#password', made.temporary_password ?? '');
    await page.click('button.primary');
    await page.waitForSelector('#new-password');
    expect(await page.textContent('[role=alert]')).toContain('temporary');
    await page.fill('#password', made.temporary_password ?? '');
    await page.fill('#new-password', 'short');
    await page.click('button.primary');
    await page.waitForSelector('[role=alert]:has-text("5 of at least 12")');
    await page.fill('#password', made.temporary_password ?? '');
    await page.fill('#new-password', PASSWORD);
    await page.click('button.primary');
    await page.waitForURL(`${site}/`);
    expect(await page.textContent('.who')).toContain(name);
    expect(await page.textContent('.empty')).toContain('No job that you may see yet');
  });

  it('has a page for what is not there', async () => {
    await signIn();
    const answer = await page.goto(`${site}/jobs/ffffffff`);
    expect(answer?.status()).toBe(404);
    expect(await page.textContent('.error-page')).toContain('RIVET_JOB_NOT_FOUND');
    expect((await page.goto(`${site}/nothing`))?.status()).toBe(404);
    expect(await page.textContent('.error-page')).toContain('RIVET_REQUEST_PATH');
    expect(alarms).toEqual([]);
  });
});

describe('the page of a job', () => {
  it('follows what happens without being loaded again', async () => {
    const job = await claimed('build-and-test', ['build', 'test']);
    await signIn(page, `/jobs/${job.id}`);
    await page.evaluate('window.mark = 1');
    expect(await page.textContent('.job-head .state')).toBe('running');
    const t = new Date().toISOString();
    await runner.report(job, {
      logs: [logLine(1, 'compiling'), { ...logLine(2, 'done'), stage: 'build' }],
      stages: [{ stage: 'build', state: 'running', t, run: 1 }],
    });
    await page.waitForSelector('#L2');
    await runner.report(job, {
      seq: 2,
      logs: [{ ...logLine(3, 'x'), stage: 'test', level: 'error' }],
      outcome: { state: 'failed', reason: 'timeout', message: 'too slow' },
    });
    await page.waitForSelector('.job-head .state-failed');
    expect(await page.locator('.log li .text').allTextContents()).toEqual([
      'compiling',
      'done',
      'x',
    ]);
    expect(await page.textContent('#job-head .problem')).toContain('too slow');
    // Nothing is asked for any more, and the page is the one that was opened.
    expect(await page.locator('#log-more[hx-get]').count()).toBe(0);
    expect(await page.evaluate('window.mark')).toBe(1);
    expect(alarms).toEqual([]);
  });

  it('says why a job waits', async () => {
    const runner = [{ key: 'arch', value: 'vax' }];
    const ref = await seedPipeline(server.database, { runner });
    const { id } = await server.client.launchPipeline({ ref, body: {} });
    await signIn(page, `/jobs/${id}`);
    expect(await page.textContent('#job-head')).toContain('No runner has the tag arch=vax.');
    await server.client.cancelJob({ id });
    expect(alarms).toEqual([]);
  });

  it('brings a long log in pieces, whole and in order', async () => {
    const job = await claimed();
    const texts = Array.from({ length: 1700 }, (_, index) => `line ${index + 1}`);
    await runner.report(job, { logs: lines(texts), outcome: { state: 'succeeded' } });
    await signIn(page, `/jobs/${job.id}`);
    await page.waitForSelector('#L1700', { state: 'attached' });
    expect(await page.locator('.log .text').allTextContents()).toEqual(texts);
    expect(await page.locator('#log-more[hx-get]').count()).toBe(0);
    expect(alarms).toEqual([]);
  });

  it('can follow the events of the API with its cookie; a page of another origin cannot', async () => {
    const job = await claimed();
    await signIn(page, `/jobs/${job.id}`);
    const follow = (on: Page): Promise<string> =>
      on.evaluate<string>(`new Promise((resolve) => {
        const events = new EventSource('${site}/api/jobs/${job.id}/events', { withCredentials: true });
        events.addEventListener('job', (event) => resolve(JSON.parse(event.data).state));
        events.addEventListener('error', () => resolve('refused ' + events.readyState));
      })`);
    expect(await follow(page)).toBe('running');
    const { page: victim } = await lure('localhost', '<p>x</p>');
    await victim.waitForLoadState();
    expect(await follow(victim)).toMatch(/^refused/);
    await runner.finish(job, { state: 'succeeded' });
  });

  it('goes to the sign-in when its session ends', async () => {
    const job = await claimed();
    await signIn(page, `/jobs/${job.id}`);
    const other = await context.newPage();
    await other.goto(`${site}/`);
    await other.click('text=Sign out');
    await page.waitForURL(`${site}/login`);
    await runner.finish(job, { state: 'succeeded' });
  });
});

describe('hostile text', () => {
  /** The database keeps no NUL and no half of a character in names. */
  const storable = hostileMarkup.filter((text) => !text.includes('\0') && text.isWellFormed());

  it('in names, inputs, stages, reasons, outputs, summaries and logs does nothing', async () => {
    const stages = storable.map((text, index) => `${index} ${text}`);
    const inputs = Object.fromEntries(storable.map((text, index) => [`${text} ${index}`, text]));
    const job = await claimed(storable.join(' '), stages, inputs);
    const t = new Date().toISOString();
    await runner.report(job, {
      logs: lines([...hostileMarkup, ...hostileSequences]).map((line, index) => ({
        ...line,
        stage: stages[index % stages.length] ?? '',
      })),
      stages: stages.flatMap((stage, index) => [
        { stage, state: 'running' as const, t, run: 1 },
        { stage, state: 'failed' as const, t, run: 1, reason: storable[index] ?? '' },
      ]),
      outputs: inputs,
      summary: storable.join('\n'),
      outcome: { state: 'failed', reason: 'lua_error', message: storable.join('\n') },
    });
    await signIn(page, `/jobs/${job.id}`);
    await page.waitForLoadState('networkidle');
    expect(await page.locator('#job-head td code').count()).toBe(2 * storable.length);
    // Names everywhere, as text.
    for (const text of storable) {
      expect(await page.textContent('#job-head')).toContain(shownText(text));
    }
    await page.goto(`${site}/`);
    await page.waitForLoadState('networkidle');
    expect(alarms).toEqual([]);
  });

  it('would be noticed by this test: without escaping it does what it wants', async () => {
    const { noticed } = await lure('localhost', hostileMarkup.join('\n'));
    await expect
      .poll(() => noticed.some((alarm) => alarm.startsWith('dialog')), PATIENCE)
      .toBe(true);
    await expect
      .poll(() => noticed.some((alarm) => alarm.includes('evil-request')), PATIENCE)
      .toBe(true);
  });

  it('that were not escaped would be stopped by the content policy', async () => {
    await signIn();
    const markup = JSON.stringify(hostileMarkup.join('\n'));
    await page.evaluate(`
      document.body.insertAdjacentHTML('beforeend', ${markup});
      const script = document.createElement('script');
      script.textContent = 'alert(1)';
      document.body.append(script);`);
    await page.waitForLoadState('networkidle');
    expect(alarms.filter((alarm) => alarm.startsWith('dialog'))).toEqual([]);
    const sent = alarms.filter((alarm) => alarm.startsWith('request') && !alarm.includes(site));
    expect(sent).toEqual([]);
    expect(
      alarms.filter((alarm) => alarm.includes('Content Security Policy')).length,
    ).toBeGreaterThan(5);
  });

  it('is not taken for attributes of htmx where users write', async () => {
    const job = await claimed();
    await runner.report(job, { logs: lines(['x']), outcome: { state: 'succeeded' } });
    await signIn(page, `/jobs/${job.id}`);
    const process = (selector: string): Promise<void> =>
      page.evaluate(`{
        const place = document.querySelector('${selector}');
        place.innerHTML = '<i hx-get="/evil-request-htmx" hx-trigger="load">x</i>';
        htmx.process(place);
      }`);
    await process('.log .text');
    await process('#job-head bdi');
    await page.waitForLoadState('networkidle');
    expect(alarms).toEqual([]);
    // Anywhere else it is: that is what this test would see.
    await process('h2');
    await expect
      .poll(() => alarms, PATIENCE)
      .toEqual([expect.stringContaining('evil-request-htmx')]);
  });

  it('of a terminal becomes spans with classes and nothing else', async () => {
    const job = await claimed();
    const texts = [...hostileSequences, '\u001b[1;31mred\u001b[0m', 'see https://example.com/x.'];
    await runner.report(job, { logs: lines(texts), outcome: { state: 'succeeded' } });
    await signIn(page, `/jobs/${job.id}`);
    const found = await page.evaluate<{ tag: string; attributes: string; href: string | null }[]>(
      `[...document.querySelectorAll('.log .text *')].map((element) => ({
        tag: element.tagName,
        attributes: element.getAttributeNames().join(' '),
        href: element.getAttribute('href'),
      }))`,
    );
    expect(found.length).toBeGreaterThan(20);
    for (const element of found.filter(({ tag }) => tag !== 'A')) {
      expect(element).toEqual({ tag: 'SPAN', attributes: 'class', href: null });
    }
    expect(found.filter(({ tag }) => tag === 'A')).toEqual([
      { tag: 'A', attributes: 'href rel target', href: 'https://example.com/x' },
    ]);
    const shown = await page.locator('.log .text').allTextContents();
    for (const text of shown.slice(0, hostileSequences.length)) expect(text).toContain('text');
    expect(shown.join('')).not.toMatch(NOT_SHOWN);
    const colour = await page.evaluate(
      `getComputedStyle(document.querySelector('.log .fg-1.bold')).fontWeight`,
    );
    expect(colour).toBe('700');
    expect(alarms).toEqual([]);
  });
});

describe('another site in the same browser', () => {
  // Another port is another origin but the same site, so the browser sends the cookie; another name
  // of the same machine is another site, so it does not.
  const hosts: readonly [string, number][] = [
    ['localhost', 403],
    ['127.0.0.1', 401],
  ];

  it.each(hosts)('at %s cannot cancel a job with a form', async (host, refused) => {
    const job = await claimed();
    await signIn();
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
      const form = `<form method=post action="${site}/api/jobs/${job.id}/cancel" enctype="${type}">
        <input name='{"reason":"' value='x"}'></form><script>document.forms[0].submit()</script>`;
      const { page: victim, answers } = await lure(host, form);
      await expect.poll(() => answers, PATIENCE).toEqual([refused]);
      await victim.close();
    }
    const row = await readJob(server.database, job.id);
    expect(row).toMatchObject({ state: 'running', cancel_requested: false });
  });

  it.each(hosts)(
    'at %s cannot do it with scripts, beacons, images or frames',
    async (host, refused) => {
      const job = await claimed();
      await signIn();
      const target = `${site}/api/jobs/${job.id}/cancel`;
      const {
        page: victim,
        sent,
        answers,
      } = await lure(
        host,
        `<img src="${target}"><iframe src="${site}/api/jobs"></iframe><script>
      const body = '{"a":1}';
      const to = ${JSON.stringify(target)};
      window.done = Promise.allSettled([
        fetch(to, { method: 'POST', mode: 'no-cors', credentials: 'include', body }),
        fetch(to, { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body }),
        fetch(to, { method: 'DELETE', credentials: 'include' }),
        fetch(${JSON.stringify(`${site}/api/jobs`)}, { credentials: 'include' }),
        new Promise((resolve) => resolve(navigator.sendBeacon(to, body))),
      ]).then((all) => all.map(({ status, value }) => status + (value?.type ?? '')));
      </script>`,
      );
      const outcome = await victim.evaluate<string[]>('window.done');
      // Those that were sent have answers that cannot be read; the others are not even sent.
      expect(outcome.slice(0, 4)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
      // The image, the script and the beacon really went to the server.
      expect(sent).toContain(`GET ${target}`);
      expect(sent.filter((each) => each === `POST ${target}`).length).toBeGreaterThanOrEqual(2);
      await victim.waitForLoadState('networkidle');
      // A preflight of another method or type is 404 or 405; nothing is 200.
      for (const status of answers) expect([refused, 303, 404, 405]).toContain(status);
      expect(await readJob(server.database, job.id)).toMatchObject({
        state: 'running',
        cancel_requested: false,
      });
    },
  );

  it.each(hosts)('at %s cannot sign the browser in or out', async (host) => {
    await signIn();
    const [before] = await context.cookies(site);
    const attacks = [
      `<form method=post action="${site}/login"><input name=name value="${user}">
        <input name=password value="${PASSWORD}"></form>`,
      `<form method=post action="${site}/logout"></form>`,
    ];
    for (const attack of attacks) {
      const { page: victim, answers } = await lure(
        host,
        `${attack}<script>document.forms[0].submit()</script>`,
      );
      await expect.poll(() => answers, PATIENCE).toEqual([403]);
      await victim.close();
    }
    expect((await context.cookies(site))[0]?.value).toBe(before?.value);
    await page.reload();
    expect(await page.textContent('.who')).toContain(user);
  });

  it('cannot show a page of ours inside its own', async () => {
    await signIn();
    const { page: victim } = await lure('localhost', `<iframe src="${site}/login"></iframe>`);
    await victim.waitForLoadState('networkidle');
    const frame = victim.frames()[1];
    expect(frame?.url()).toMatch(/^chrome-error:/);
  });

  it('may link to a page, and gets no hold of its window', async () => {
    await signIn();
    const { page: victim } = await lure('127.0.0.1', `<a href="${site}/" target=_blank>x</a>`);
    const opened = context.waitForEvent('page');
    await victim.click('a');
    const target = await opened;
    await target.waitForLoadState();
    expect(await target.textContent('.who')).toContain(user);
    expect(await target.evaluate('window.opener')).toBeNull();
  });
});

const NOT_SHOWN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nothing of them may be left
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u202a-\u202e\u200b]/;

/** How `userText` shows text in which characters cannot be seen. */
function shownText(text: string): string {
  return text.replaceAll(/[\u2028\u2029]/g, (character) =>
    character === '\u2028' ? '\u27e8U+2028\u27e9' : '\u27e8U+2029\u27e9',
  );
}
