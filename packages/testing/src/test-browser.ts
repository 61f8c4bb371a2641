// A real browser for tests: Debian's Chromium, which talks to this machine and to nobody else.
import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

export type { Browser, BrowserContext, Page } from 'playwright-core';

/** Where distributions put it. */
const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const ARGUMENTS = [
  // Tests run as root in containers of a CI, where Chromium cannot make its own sandbox.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-domain-reliability',
  '--disable-sync',
  '--no-first-run',
  // Only this machine: what a page tries to load from elsewhere fails without a packet.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
];

/** Starts the browser, which the caller closes. Without one it fails: such a test is never skipped. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = PATHS.find((path) => existsSync(path));
  if (executablePath === undefined) {
    throw new Error(
      'the tests of pages need Chromium: run scripts/setup.sh --tests as root, or apt-get install chromium',
    );
  }
  // A second of every test that has another helper from here, if it were loaded with the others.
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath, args: ARGUMENTS });
}
