// @ts-check
// The click pixel's script by itself: where on a page it writes the request id. And the
// code that loads it: what of the page's own address it passes on.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { openPage } from "./browser.mjs";
import { browserAndServers } from "./with-servers.mjs";

// The real ones, from the snapshots that the server's own tests hold them to.
const SCRIPT = snapshot(
  "script/snapshots/crumb_wire__script__tests__a_click_pixel_says_the_request_id_on_a_line_of_its_own_and_fills_the_form",
);
const CODE = snapshot("snapshots/crumb_wire__generate__tests__pixel");
const CODES_TRACKER = "http://127.0.0.1:8080";
const ID = "9007199254740991";

const FORM = `<input name="ckm_request_id" class="outside">
<form id="other_form"><input name="ckm_request_id" class="other"></form>
<form id="ckm_form" action="/own-server">
<input type="hidden" name="ckm_request_id" class="empty"><input name="ckm_request_id" class="second">
<input name="ckm_request_id" class="own" value="5"><input name="ckm_subid" class="field"></form>`;
const FILLED = { outside: "", other: "", empty: ID, second: ID, own: "5", field: "" };

const shared = browserAndServers();

/** @param {string} path */
function snapshot(path) {
  const text = readFileSync(new URL(`../../crates/wire/src/${path}.snap`, import.meta.url), "utf8").split("\n---\n")[1];
  if (!text) throw new Error(`${path} is no snapshot`);
  return text;
}

/** @param {import("playwright-core").Page} page */
const values = (page) =>
  page.$$eval("input", (inputs) => Object.fromEntries(inputs.map((input) => [input.className, input.value])));

/**
 * Opens a page whose pixel stands where the test says.
 * @param {string} name
 * @param {(pixel: string) => string} html
 * @param {(page: import("playwright-core").Page) => Promise<void>} body
 * @param {{ query?: string, script?: string }} [how] the page's own query, and what the tracker answers
 */
function scenario(name, html, body, { query = "", script = SCRIPT } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const { tracker, origin, publish } = shared.servers;
    tracker.reset();
    for (const path of ["pixel", ""]) tracker.answer(path, () => ({ script }));
    publish("/landing", html(`<script src="${tracker.origin}/pixel"></script>`));
    const opened = await openPage(shared.browser);
    try {
      await opened.page.goto(`${origin}/landing${query}`);
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
      await page.addScriptTag({ url: `${shared.servers.tracker.origin}/pixel` });
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

describe("the code that loads the click pixel", () => {
  const page = () => `<!doctype html><head>${CODE.replaceAll(CODES_TRACKER, shared.servers.tracker.origin)}</head><body>${FORM}</body>`;

  for (const query of ["?ckm_request_id=77", "?x=1&reqid=77&y=2", "?request_id=77", "?REQID=77"]) {
    scenario(
      `passes on the request id of the page's own address ${query}`,
      page,
      async (opened) => {
        assert.equal((await shared.servers.tracker.until("")).search, "a=12&c=1057&s1=organic&cp=js&ckm_request_id=77");
        assert.deepEqual(await values(opened), FILLED, "what the tracker answers counts");
      },
      { query },
    );
  }

  for (const query of ["", "?reqid=", "?reqid=7x", "?reqid=0", "?notreqid=77", "?reqid=12345678901234567"]) {
    scenario(
      `passes nothing on that is no request id ${query}`,
      page,
      async (opened) => {
        assert.equal((await shared.servers.tracker.until("")).search, "a=12&c=1057&s1=organic&cp=js");
        assert.deepEqual(await values(opened), FILLED);
      },
      { query },
    );
  }

  scenario(
    "keeps the address's own where the tracker has none",
    page,
    async (opened) => {
      await shared.servers.tracker.until("");
      assert.deepEqual(await values(opened), { ...FILLED, empty: "77", second: "77" });
      assert.equal(await opened.evaluate(() => /** @type {any} */ (window).ckm_request_id), 77);
    },
    { query: "?reqid=77", script: "var ckm_request_id = 0;\n// Offer Expired\n" },
  );
});
