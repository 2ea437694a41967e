// @ts-check
// One browser and one pair of servers for a test file, and a fresh page for each
// test, with jQuery and without.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./browser.mjs";
import { landingPage } from "./landing-page.mjs";
import { startServers } from "./stub-tracker.mjs";

/**
 * @typedef {Awaited<ReturnType<typeof openPage>> & {
 *   tracker: Awaited<ReturnType<typeof startServers>>["tracker"],
 *   origin: string,
 *   jquery: boolean,
 *   land: (landing?: Partial<import("./landing-page.mjs").Landing>) => Promise<void>,
 *   press: () => Promise<void>,
 * }} Visit
 */

/**
 * Declares tests of the form library, each run on a page with jQuery and on one
 * without, where it is not for the one only.
 * @param {(scenario: (
 *   name: string,
 *   body: (visit: Visit) => Promise<void>,
 *   options?: { needsJquery?: boolean },
 * ) => void) => void} declare
 */
export function formLibrary(declare) {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof startServers>>} */
  let servers;
  before(async () => {
    browser = await startBrowser();
    servers = await startServers();
  });
  after(async () => {
    await browser?.close();
    servers?.stop();
  });
  for (const jquery of [false, true]) {
    describe(jquery ? "with jQuery" : "without jQuery", () => {
      declare((name, body, { needsJquery = false } = {}) => {
        if (needsJquery && !jquery) return;
        test(name, { timeout: 60_000 }, async () => {
          servers.tracker.reset();
          const opened = await openPage(browser);
          try {
            await body(visit(opened, servers, jquery));
            assert.deepEqual(opened.failures, [], "scripts of the page failed");
          } finally {
            await opened.context.close();
          }
        });
      });
    });
  }
}

/**
 * @param {Awaited<ReturnType<typeof openPage>>} opened
 * @param {Awaited<ReturnType<typeof startServers>>} servers
 * @param {boolean} jquery
 * @returns {Visit}
 */
function visit(opened, servers, jquery) {
  const { tracker, origin } = servers;
  return {
    ...opened,
    tracker,
    origin,
    jquery,
    // Also waits for the validators, without which a form is not complete.
    land: async (landing = {}) => {
      servers.publish("/", landingPage({ jquery, tracker: tracker.origin, ...landing }));
      await opened.page.goto(`${origin}/`, { waitUntil: "load" });
    },
    press: () => opened.page.click("#send"),
  };
}
