// @ts-check
// Chromium, as every test here starts it: the system's own, without a display, and
// with no way to any host but this one.

import { chromium } from "playwright-core";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

const ARGUMENTS = [
  "--headless",
  // Tests run in containers and as root, where the sandbox cannot be set up.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
];

// The headless browser's own is a crawler's, whose clicks do not count.
const PERSON = {
  userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
};

/** Starts the browser. Close it in `after`. */
export function startBrowser() {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS });
}

/**
 * Starts a browser on a profile, whose settings hold in its one context.
 * @param {string} profile
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export function startProfile(profile, options = {}) {
  return chromium.launchPersistentContext(profile, { executablePath: EXECUTABLE, args: ARGUMENTS, ...PERSON, ...options });
}

/**
 * A visitor: with cookies of its own, and the user agent of a person's browser.
 *
 * @param {import("playwright-core").Browser} browser
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export function openContext(browser, options = {}) {
  return browser.newContext({ ...PERSON, ...options });
}

/**
 * A fresh page with cookies of its own.
 *
 * @param {import("playwright-core").Browser} browser
 */
export async function openPage(browser) {
  const context = await openContext(browser);
  const page = await context.newPage();
  return { context, page, ...watchPage(page) };
}

/**
 * Keeps what a page says in dialogs in `dialogs`, and what it throws in `failures`.
 *
 * @param {import("playwright-core").Page} page
 */
export function watchPage(page) {
  // A test that waits in vain is told so before its runner gives up on it.
  page.setDefaultTimeout(20_000);
  /** @type {string[]} */
  const dialogs = [];
  /** @type {string[]} */
  const failures = [];
  page.on("dialog", (dialog) => {
    dialogs.push(dialog.message());
    // A page that is left while it shows a dialog takes the dialog with it.
    dialog.accept().catch(() => {});
  });
  page.on("pageerror", (error) => failures.push(error.message));
  /** The next dialog's text. */
  const nextDialog = async () => (await page.waitForEvent("dialog")).message();
  return { dialogs, failures, nextDialog };
}
