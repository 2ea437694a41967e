// @ts-check
// The click pixel's script by itself: where on a page it writes the request id.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./browser.mjs";
import { startServers } from "./stub-tracker.mjs";

// The real script, from the snapshot that the server's own tests hold it to.
const SNAPSHOT = new URL(
  "../../crates/wire/src/script/snapshots/" +
    "crumb_wire__script__tests__a_click_pixel_says_the_request_id_on_a_line_of_its_own_and_fills_the_form.snap",
  import.meta.url,
);
const SCRIPT = readFileSync(SNAPSHOT, "utf8").split("\n---\n")[1] ?? "";
const ID = "9007199254740991";

const FORM = `<input name="ckm_request_id" class="outside">
<form id="other_form"><input name="ckm_request_id" class="other"></form>
<form id="ckm_form" action="/own-server">
<input type="hidden" name="ckm_request_id" class="empty"><input name="ckm_request_id" class="second">
<input name="ckm_request_id" class="own" value="5"><input name="ckm_subid" class="field"></form>`;
const FILLED = { outside: "", other: "", empty: ID, second: ID, own: "5", field: "" };

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

/** @param {import("playwright-core").Page} page */
const values = (page) =>
  page.$$eval("input", (inputs) => Object.fromEntries(inputs.map((input) => [input.className, input.value])));

/**
 * Opens a page whose pixel stands where the test says.
 * @param {string} name
 * @param {(pixel: string) => string} html
 * @param {(page: import("playwright-core").Page) => Promise<void>} body
 */
function scenario(name, html, body) {
  test(name, { timeout: 60_000 }, async () => {
    const { tracker, origin, publish } = servers;
    tracker.reset();
    tracker.answer("pixel", () => ({ script: SCRIPT }));
    publish("/landing", html(`<script src="${tracker.origin}/pixel"></script>`));
    const opened = await openPage(browser);
    try {
      await opened.page.goto(`${origin}/landing`);
      await body(opened.page);
      assert.deepEqual(opened.failures, [], "scripts of the page failed");
    } finally {
      await opened.context.close();
    }
  });
}

describe("the click pixel writes its request id into every empty input of that name in the form", () => {
  scenario(
    "when the document is ready, where it stands before the form",
    (pixel) => `<!doctype html><head>${pixel}</head><body>${FORM}</body>`,
    async (page) => assert.deepEqual(await values(page), FILLED),
  );

  scenario(
    "at once, where it stands after the form",
    (pixel) => `<!doctype html><body>${FORM}${pixel}<script>window.then = document.querySelector(".empty").value;</script></body>`,
    async (page) => {
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).then), ID);
      assert.deepEqual(await values(page), FILLED);
    },
  );

  scenario(
    "at once, where the page loads it later",
    () => `<!doctype html><body>${FORM}</body>`,
    async (page) => {
      await page.addScriptTag({ url: `${servers.tracker.origin}/pixel` });
      assert.deepEqual(await values(page), FILLED);
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).ckm_request_id), Number(ID));
    },
  );

  scenario(
    "and does no harm on a page without a form",
    (pixel) => `<!doctype html><head>${pixel}</head><body><input name="ckm_request_id" class="outside"></body>`,
    async (page) => assert.deepEqual(await values(page), { outside: "" }),
  );
});
