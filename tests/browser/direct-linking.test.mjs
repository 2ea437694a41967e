// @ts-check
// dl.js and cv.js by themselves: a page that an advertisement leads to directly makes
// the click, keeps the request id in its own site's cookie, and its thank-you page
// reports the conversion with it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openPage } from "./browser.mjs";
import { browserAndServers } from "./with-servers.mjs";

const script = (/** @type {string[]} */ ...rooms) =>
  rooms.map((room) => readFileSync(new URL(`../../crates/wire/src/script/direct/${room}.js`, import.meta.url), "utf8")).join("");
const DL_JS = script("link_head", "begin", "link");
const CV_JS = script("conversion_head", "begin", "conversion");

const shared = browserAndServers();

/**
 * @typedef {Awaited<ReturnType<typeof openPage>> & {
 *   tracker: Awaited<ReturnType<typeof startServers>>["tracker"],
 *   land: (query: string, options?: string) => Promise<void>,
 *   thank: (query: string) => Promise<void>,
 *   cookies: () => Promise<Record<string, import("playwright-core").Cookie>>,
 *   field: () => Promise<string>,
 * }} Visit
 */

/**
 * @param {string} name
 * @param {(visit: Visit) => Promise<void>} body
 */
function scenario(name, body) {
  test(name, { timeout: 60_000 }, async () => {
    const { tracker, origin, publish } = shared.servers;
    tracker.reset();
    tracker.answer("dl.js", () => ({ script: DL_JS }));
    tracker.answer("cv.js", () => ({ script: CV_JS }));
    tracker.answer("", () => ({ script: "var ckm_request_id = 9007199254740991;\n" }));
    tracker.answer("p.ashx", () => ({ script: "window.pixels_shown = true;" }));
    const opened = await openPage(shared.browser);
    const { page, context } = opened;
    const go = async (/** @type {string} */ path, /** @type {string} */ query, /** @type {string} */ head) => {
      publish(path, `<!DOCTYPE html><html><head><title>Shop</title>${head}</head>
        <body><form><input name="ckm_request_id" id="ours"><input name="ckm_request_id" value="7" id="theirs"></form></body></html>`);
      await page.goto(`${origin}${path}${query}`, { waitUntil: "load" });
    };
    try {
      await body({
        ...opened,
        tracker,
        land: (query, options = "") => go("/landing", query, `<script src="${tracker.origin}/dl.js${options}"></script>`),
        thank: (query) => go("/thanks", "", `<script src="${tracker.origin}/cv.js${query}"></script>`),
        cookies: async () => Object.fromEntries((await context.cookies(origin)).map((cookie) => [cookie.name, cookie])),
        field: () => page.inputValue("#ours"),
      });
      assert.deepEqual(opened.failures, [], "scripts of the page failed");
    } finally {
      await context.close();
    }
  });
}

const DAY_SECONDS = 86_400;
const ID = "9007199254740991";

scenario("a page with tracking parameters makes the click, and of its address sends those only", async ({ land, tracker, page, field, cookies }) => {
  await land("?utm_source=x&A=12&c=1057&s1=a%20b&s5=e&oc=3&m=2&udid=D&email=ann%40example.com&ckmrdr=https://evil.example/#top");
  await page.waitForFunction(() => document.cookie.includes("ckm_request_id="));
  assert.equal(tracker.to("").length, 1);
  assert.equal(tracker.to("")[0].search, "A=12&c=1057&s1=a%20b&s5=e&oc=3&m=2&udid=D&cp=js");
  assert.equal(await field(), ID);
  assert.equal(await page.inputValue("#theirs"), "7", "what is filled stays");
  const { ckm_request_id: cookie } = await cookies();
  assert.deepEqual([cookie.value, cookie.path, cookie.sameSite, cookie.secure], [ID, "/", "Lax", false]);
  assert.ok(Math.abs(cookie.expires - Date.now() / 1000 - 30 * DAY_SECONDS) < 600, "thirty days");
});

scenario("the cookie lives as long as the script's address says", async ({ land, page, cookies }) => {
  await land("?a=12&c=1057", "?days=7");
  await page.waitForFunction(() => document.cookie.includes("ckm_request_id="));
  const { ckm_request_id: cookie } = await cookies();
  assert.ok(Math.abs(cookie.expires - Date.now() / 1000 - 7 * DAY_SECONDS) < 600);
});

scenario("a page that a tracking link led to keeps the id of its address, without a click", async ({ land, tracker, field, cookies }) => {
  await land("?ckm_request_id=123&x=1");
  assert.equal(await field(), "123");
  assert.equal((await cookies()).ckm_request_id.value, "123");
  assert.equal(tracker.to("").length, 0);
});

scenario("a page without parameters fills its form from the cookie, without a click", async ({ land, tracker, field }) => {
  await land("?ckm_request_id=123");
  await land("");
  assert.equal(await field(), "123");
  assert.equal(tracker.to("").length, 0);
});

scenario("what is no request id is not kept", async ({ land, cookies, field }) => {
  await land("?ckm_request_id=12%3B%20Domain=x");
  assert.deepEqual([await cookies(), await field()], [{}, ""]);
});

scenario("a further click names the session that the cookie has", async ({ land, tracker }) => {
  await land("?ckm_request_id=123");
  await land("?a=12&c=1057");
  assert.equal((await tracker.until("")).search, "a=12&c=1057&ckm_request_id=123&cp=js");
});

scenario("under last touch another affiliate's click names no session, and the same one's does", async ({ land, tracker, page }) => {
  await land("?a=12&c=1057", "?touch=last");
  await page.waitForFunction(() => document.cookie.includes("ckm_request_id="));
  await land("?a=12&c=1057", "?touch=last");
  assert.equal((await tracker.until("", 2)).search, `a=12&c=1057&ckm_request_id=${ID}&cp=js`);
  await land("?a=13&c=1057", "?touch=last");
  assert.equal((await tracker.until("", 3)).search, "a=13&c=1057&cp=js");
});

scenario("under last touch a tracking link's session is its affiliate's where the link says so, also once the page is loaded again", async ({ land, tracker }) => {
  await land("?ckm_request_id=123&a=12", "?touch=last");
  await land("?ckm_request_id=123", "?touch=last");
  await land("?a=12&c=1057", "?touch=last");
  assert.equal((await tracker.until("")).search, "a=12&c=1057&ckm_request_id=123&cp=js");
  await land("?ckm_request_id=124", "?touch=last");
  await land("?a=12&c=1057", "?touch=last");
  assert.equal((await tracker.until("", 2)).search, "a=12&c=1057&cp=js", "nobody knows whose this one is");
});

scenario("each offer of a site has a cookie of its own", async ({ land, thank, tracker, field, cookies }) => {
  await land("?ckm_request_id=200200", "?o=200&days=7");
  await land("?ckm_request_id=201201", "?days=7&o=201");
  await land("?a=12&c=1057", "?o=200&days=7");
  assert.equal((await tracker.until("")).search, "a=12&c=1057&ckm_request_id=200200&cp=js");
  await land("?ckm_request_id=201201", "?o=201");
  await land("", "?o=202");
  assert.equal(await field(), "", "nobody came for this one");
  const { ckm_request_id: last, ckm_request_id_201: own } = await cookies();
  assert.deepEqual([last.value, own.value], ["201201", "201201"]);
  for (const [query, id] of [["o=200", ID], ["o=201&e=2", "201201"], ["a=7", "201201"], ["o=%3B", "201201"], ["o=202", ""]]) {
    const before = tracker.to("p.ashx").length;
    await thank(`?${query}`);
    const named = id && `&r=${id}`;
    assert.equal((await tracker.until("p.ashx", before + 1)).search, `${query}${named}&f=js`, "another offer's session is not this one's");
  }
});

scenario("a page that is made ready ahead makes its click once it is shown", async ({ land, tracker, page, field, cookies }) => {
  await page.addInitScript(() => {
    Object.defineProperty(document, "prerendering", { value: true, configurable: true });
  });
  await land("?a=12&c=1057");
  assert.equal(tracker.to("").length, 0);
  assert.equal(await field(), "");
  // Meanwhile the visitor came by another page of the site.
  await page.evaluate(() => {
    document.cookie = "ckm_request_id=123";
    Object.defineProperty(document, "prerendering", { value: false });
    document.dispatchEvent(new Event("prerenderingchange"));
  });
  assert.equal((await tracker.until("")).search, "a=12&c=1057&ckm_request_id=123&cp=js");
  await page.waitForFunction((id) => document.cookie.includes(id), ID);
  assert.equal(await field(), ID);
  assert.equal((await cookies()).ckm_request_id.value, ID);
});

scenario("a click that opens no session leaves the cookie's", async ({ land, tracker, field, page, cookies }) => {
  tracker.answer("", () => ({ script: "var ckm_request_id = 0;\n// Inactive Offer\n" }));
  await land("?ckm_request_id=123");
  await land("?a=12&c=1057");
  await page.waitForFunction(() => /** @type {HTMLInputElement} */ (document.getElementById("ours")).value);
  assert.equal(await field(), "123");
  assert.equal((await cookies()).ckm_request_id.value, "123");
});

scenario("the thank-you page reports the conversion with the cookie's request id", async ({ land, thank, tracker, page }) => {
  await land("?ckm_request_id=123");
  await thank("?o=100&e=sale&t=T%2F1&p=12.50&R=9&f=pb");
  await page.waitForFunction(() => /** @type {any} */ (window).pixels_shown);
  assert.deepEqual(tracker.to("p.ashx").map((seen) => seen.search), ["o=100&e=sale&t=T%2F1&p=12.50&r=123&f=js"]);
});

scenario("a thank-you page without the cookie asks the tracking domain's own", async ({ thank, tracker }) => {
  await thank("?o=100");
  assert.equal((await tracker.until("p.ashx")).search, "o=100&f=js");
});
