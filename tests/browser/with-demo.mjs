// @ts-check
// One demo and one browser for a test file, and a visitor of its own for each test.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser } from "./browser.mjs";
import { startDemo } from "./demo.mjs";
import { visitorsOf } from "./visitors.mjs";

/** @typedef {import("./visitors.mjs").Visitor} Visitor */

/**
 * The demo that the file's tests are about, once they run.
 * @type {Awaited<ReturnType<typeof startDemo>>}
 */
export let demo;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {ReturnType<typeof visitorsOf>} */
let visitors;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
  visitors = visitorsOf(browser, demo);
});
after(async () => {
  await visitors?.leave();
  await browser?.close();
  await demo?.stop();
  await demo?.leave();
});

/**
 * A test in which one visitor comes, and no script of a page fails.
 * @param {string} name
 * @param {(visitor: Visitor) => Promise<void>} body
 * @param {{ cookies?: boolean }} [options]
 */
export function scenario(name, body, { cookies = true } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const visitor = await visitors.come({ cookies });
    try {
      await body(visitor);
      assert.deepEqual(visitor.failures, [], "scripts of the page failed");
    } finally {
      await visitor.go();
    }
  });
}
