// @ts-check
// One browser and one pair of servers for a test file; and for tests of the form
// library a fresh page each, with jQuery and without.

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

/** A browser and servers that are there while the tests of a file run. */
export function browserAndServers() {
  const shared = {
    browser: /** @type {import("playwright-core").Browser} */ (/** @type {unknown} */ (undefined)),
    servers: /** @type {Awaited<ReturnType<typeof startServers>>} */ (/** @type {unknown} */ (undefined)),
  };
  before(async () => {
    shared.browser = await startBrowser();
    shared.servers = await startServers();
  });
  after(async () => {
    await shared.browser?.close();
    shared.servers?.stop();
  });
  return shared;
}

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
  const shared = browserAndServers();
  for (const jquery of [false, true]) {
    describe(jquery ? "with jQuery" : "without jQuery", () => {
      declare((name, body, { needsJquery = false } = {}) => {
        if (needsJquery && !jquery) return;
        test(name, { timeout: 60_000 }, async () => {
          shared.servers.tracker.reset();
          const opened = await openPage(shared.browser);
          try {
            await body(visit(opened, shared.servers, jquery));
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
