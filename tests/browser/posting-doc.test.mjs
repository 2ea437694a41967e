// @ts-check
// Posting documents as partners use them: opened by their address, read, and their
// pages pasted as they are.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { openPage, startBrowser } from "./browser.mjs";
import { startPartner } from "./posting-doc.mjs";

const JQUERY = readFileSync(new URL("node_modules/jquery/dist/jquery.min.js", import.meta.url));
const METHODS = ["server", "browser_http", "browser_ajax", "session", "server_json", "session_json", "xml"];

/** @type {Awaited<ReturnType<typeof startPartner>>} */
let partner;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Record<string, string>} */
const documents = {};

before(async () => {
  [partner, browser] = await Promise.all([startPartner(), startBrowser()]);
  documents.campaign = await partner.crumb("posting-doc", "--campaign", "57", "--share");
  documents.offer = await partner.crumb("posting-doc", "--offer", "100", "--share");
});
after(async () => {
  await browser?.close();
  await partner?.stop();
});

/** @typedef {Awaited<ReturnType<typeof openPage>>} Opened */

/**
 * @param {string} name
 * @param {(opened: Opened) => Promise<void>} body
 */
function scenario(name, body) {
  test(name, { timeout: 60_000 }, async () => {
    const opened = await openPage(browser);
    try {
      await body(opened);
      assert.deepEqual(opened.failures, [], "scripts of the page failed");
    } finally {
      await opened.context.close();
    }
  });
}

/**
 * Copies the n-th whole page of a method's examples.
 * @param {Opened} opened
 * @param {string} address
 * @param {string} method
 * @param {number} [n]
 * @param {(page: string) => string} [laidOut]
 */
async function paste({ page }, address, method, n = 0, laidOut = (page) => page) {
  await page.goto(`${address}?method=${method}`);
  const codes = await page.locator(`section[data-method=${method}] pre`).allTextContents();
  const pages = codes.filter((code) => code.startsWith("<!doctype html>"));
  assert.ok(pages[n], `${method} has a page`);
  partner.publish(laidOut(pages[n]));
}

/**
 * Presses the form's button, and gives the lead that the next page's address names.
 * @param {Opened} opened
 */
async function send({ page }) {
  await page.click("#ckm_form [type=submit]");
  await page.waitForURL(/\/thanks\?lead=/);
  return partner.api(`/leads/${new URL(page.url()).searchParams.get("lead")}`);
}

/**
 * @param {any} lead
 * @param {{ affiliate: number, attribution: string, post: string }} expected
 */
function assertCredited(lead, expected) {
  const { affiliate, attribution, post, status } = lead;
  assert.deepEqual({ affiliate, attribution, post, status }, { ...expected, status: "test" }, lead.why);
  assert.equal(lead.fields.email_address, "ann.miller@example.com");
}

const link = () => `${partner.tracking}/?a=12&c=1057`;
/** Has the visitor lose what the tracker gave it. @param {Opened} opened */
const loseCookies = ({ context }) => context.clearCookies();
/** The posts that its pages send from now on. @param {Opened} opened */
const postsOf = ({ page }) => {
  /** @type {string[]} */
  const posts = [];
  page.on("request", (request) => {
    if (new URL(request.url()).pathname === "/d.ashx") posts.push(request.url());
  });
  return posts;
};
const waitForRequestId = async (/** @type {Opened} */ { page }) => {
  const input = page.locator("#ckm_form [name=ckm_request_id]");
  const handle = await page.waitForFunction((element) => /** @type {HTMLInputElement} */ (element).value, await input.elementHandle());
  return String(await handle.jsonValue());
};

describe("the browser post's pages", () => {
  scenario("credit the lead by the cookie of the click", async (opened) => {
    await paste(opened, documents.campaign, "browser_http");
    await opened.page.goto(link());
    await opened.page.goto(`${partner.sameSite}/quote`);
    assertCredited(await send(opened), { affiliate: 12, attribution: "cookie", post: "browser" });
  });

  scenario("credit the lead by the request id where there is no cookie", async (opened) => {
    await paste(opened, documents.campaign, "browser_http", 1);
    await opened.page.goto(link());
    await loseCookies(opened);
    assertCredited(await send(opened), { affiliate: 12, attribution: "request_id", post: "session" });
  });
});

for (const jquery of [false, true]) {
  describe(jquery ? "the AJAX post's page with jQuery" : "the AJAX post's page where jQuery cannot be had", () => {
    const land = async (/** @type {Opened} */ opened, /** @type {string} */ address, /** @type {string} */ at) => {
      // The page asks for the published file by its hash: no other would be run.
      const file = { body: JQUERY, contentType: "text/javascript", headers: { "access-control-allow-origin": "*" } };
      await opened.page.route("https://code.jquery.com/**", (route) => (jquery ? route.fulfill(file) : route.abort()));
      await paste(opened, address, "browser_ajax");
      await opened.page.goto(at);
      assert.equal(await opened.page.evaluate(() => "jQuery" in window), jquery);
    };

    scenario("credits the lead by the request id of the link", async (opened) => {
      await land(opened, documents.campaign, link());
      await loseCookies(opened);
      assertCredited(await send(opened), { affiliate: 12, attribution: "request_id", post: "session" });
    });

    scenario("credits an organic lead by the click pixel", async (opened) => {
      await land(opened, documents.offer, `${partner.origin}/organic`);
      await waitForRequestId(opened);
      assertCredited(await send(opened), { affiliate: 1, attribution: "request_id", post: "session" });
    });

    scenario("says what is missing, and sends nothing", async (opened) => {
      await land(opened, documents.campaign, link());
      await opened.page.fill("[name=zip_code]", "");
      // The tracker would refuse it as well, and d.js say so.
      const sent = postsOf(opened);
      const said = opened.nextDialog();
      await opened.page.click("#ckm_form [type=submit]");
      assert.match(await said, /^Error: /);
      assert.match(opened.page.url(), /\/quote\?/);
      assert.deepEqual(sent, []);
    });
  });
}

/** Has the pixel stand below the form. @param {string} page */
const pixelBelow = (page) => {
  const pixel = page.match(/<body>\n([^]*<\/noscript>\n)/)?.[1] ?? assert.fail("a page with a pixel");
  return page.replace(pixel, "").replace("</form>\n", () => `</form>\n${pixel}`);
};
/** Has the browser refuse to write into a page that it reads. @param {string} page */
const withoutWriting = (page) => page.replace("<head>", "<head><script>document.write = function () {};</script>");
/** An address's id that nobody was given. */
const DEAD = "123456789012345";

describe("the session post's page", () => {
  for (const [who, at, affiliate, laidOut] of /** @type {const} */ ([
    ["an affiliate's visitor", () => link(), 12],
    ["a visitor who came through no link", () => `${partner.origin}/organic`, 1],
    ["an affiliate's visitor, the pixel below the form", () => link(), 12, pixelBelow],
    ["an affiliate's visitor, where nothing may be written", () => link(), 12, withoutWriting],
    ["a visitor with a dead one in the address", () => `${partner.origin}/organic?reqid=${DEAD}`, 1],
    ["one with a dead one, the pixel below the form", () => `${partner.origin}/organic?reqid=${DEAD}`, 1, pixelBelow],
    ["one with a dead one, where nothing may be written", () => `${partner.origin}/organic?reqid=${DEAD}`, 1, withoutWriting],
  ])) {
    scenario(`hands the request id of ${who} to the page's own server`, async (opened) => {
      await paste(opened, documents.offer, "session", 0, laidOut);
      await opened.page.goto(at());
      await opened.page.waitForFunction(() => /** @type {any} */ (window).ckm_request_id > 0);
      const requestId = await waitForRequestId(opened);
      await opened.page.click("#ckm_form [type=submit]");
      await opened.page.waitForURL(/\/your-own-server$/);
      const post = partner.posts.at(-1) ?? new URLSearchParams();
      assert.equal(post.get("ckm_request_id"), requestId);
      // What that server does with it, now or later.
      const body = new URLSearchParams([...post, ["ckm_offer_id", "100"], ["ckm_test", "1"]]);
      const answer = await (await fetch(`${partner.tracking}/d.ashx`, { method: "POST", body })).text();
      const lead = await partner.api(`/leads/${answer.match(/<leadid>(\w+)</)?.[1]}`);
      assertCredited(lead, { affiliate, attribution: "request_id", post: "session" });
      assert.equal(lead.request_id, requestId);
    });
  }
});

describe("the document itself", () => {
  scenario("shows the method that is chosen at its upper right", async ({ page }) => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(documents.campaign);
    const select = page.locator("select[name=method]");
    const box = await select.boundingBox();
    assert.ok(box && box.x > 640 && box.y < 100, JSON.stringify(box));
    for (const method of METHODS) {
      await select.selectOption(method);
      const shown = await page.locator("section[data-method]").evaluateAll((sections) =>
        sections.filter((section) => section.getClientRects().length > 0).map((section) => section.id),
      );
      assert.deepEqual(shown, [method]);
    }
  });

  scenario("keeps its choice at the upper right, however long its title is", async ({ page }) => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(documents.campaign);
    for (const title of ["Campaign 57: Home insurance, all", "Campaign 57: " + "A title of very many letters ".repeat(8)]) {
      await page.evaluate((said) => void (document.querySelectorAll("h1")[0].textContent = said), title);
      const [choice, heading] = await Promise.all([page.locator("select[name=method]").boundingBox(), page.locator("h1").boundingBox()]);
      assert.ok(choice && heading && choice.y < 100 && choice.x > heading.x + heading.width, JSON.stringify({ choice, heading }));
    }
  });

  scenario("fits a phone, with all that it says", async ({ page }) => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${documents.campaign}?method=all`);
    const beyond = await page.evaluate(() =>
      [...document.querySelectorAll("main *")]
        .filter((element) => element.getBoundingClientRect().right > innerWidth || element.scrollWidth > element.clientWidth + 1)
        .filter((element) => getComputedStyle(element).display !== "inline")
        .map((element) => element.outerHTML.slice(0, 120)),
    );
    assert.deepEqual(beyond, []);
  });

  scenario("is printed without its controls and with all of its code", async ({ page }) => {
    await page.goto(`${documents.campaign}?method=session`);
    await page.emulateMedia({ media: "print" });
    const controls = page.locator("select, button");
    for (const control of await controls.all()) assert.equal(await control.isVisible(), false);
    const cut = await page.locator("section:not([hidden]) pre").evaluateAll((blocks) =>
      blocks.filter((block) => block.scrollHeight > block.clientHeight + 1).length,
    );
    assert.equal(cut, 0);
  });

  scenario("copies an example as it is", async ({ page, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`${documents.campaign}?method=server`);
    await page.locator("section:not([hidden]) .copy").first().click();
    await page.getByText("Copied").waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, await page.locator("section:not([hidden]) pre").first().textContent());
  });

  scenario("names every required parameter in words", async ({ page }) => {
    await page.goto(`${documents.campaign}?method=session`);
    const required = await page.locator("section:not([hidden]) tr", { hasText: "required" }).locator("td:first-child code").allTextContents();
    assert.deepEqual(required, ["ckm_offer_id", "ckm_request_id", "email_address", "zip_code"]);
  });

  test("asks for its method from the server where scripts are off", { timeout: 60_000 }, async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    try {
      const page = await context.newPage();
      await page.goto(documents.campaign);
      await page.selectOption("select[name=method]", "xml");
      await page.click("#show");
      await page.waitForURL(/\?method=xml$/);
      assert.equal(await page.locator("section#xml").isVisible(), true);
      assert.equal(await page.locator("section#server").isVisible(), false);
    } finally {
      await context.close();
    }
  });
});
