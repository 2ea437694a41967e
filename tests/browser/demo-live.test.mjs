// @ts-check
// The demo's page that shows what arrives: on small screens, in order, and true of
// whatever it shows.

import assert from "node:assert/strict";
import { exec } from "node:child_process";
import { describe } from "node:test";
import { promisify } from "node:util";
import { demo, scenario } from "./with-demo.mjs";

/** @typedef {import("./visitors.mjs").Visitor} Visitor */

/** @param {string} query */
const link = (query) => `${demo.tracking}/?${query}`;

/** What sticks out of the page to the right, and what cannot be seen whole. @param {import("playwright-core").Page} page */
const beyond = (page) =>
  page.evaluate(() => {
    const root = document.documentElement;
    const out = [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1)
      .map((element) => element.outerHTML.slice(0, 120));
    return root.scrollWidth > root.clientWidth ? [`${root.scrollWidth} of ${root.clientWidth}`, ...out] : out;
  });

scenario("fits every screen, with traffic and the buyers of a lead shown", async (visitor) => {
  const { page: live } = await visitor.another();
  await live.goto(`${demo.landing}/live`);
  await visitor.open(link("a=12&c=5001&s1=a-sub-id-that-is-as-long-as-some-affiliates-have-them-0123456789"));
  const requestId = await visitor.requestId();
  await visitor.send();
  await visitor.open(link("a=12&c=6002"));
  await visitor.page.click("#send");
  await live.locator(".rejection").first().waitFor();
  const lead = live.locator(`.lead[data-session="${requestId}"]`);
  await lead.waitFor();
  await lead.locator(".buyers summary").click();
  await lead.locator(".buyers tr").first().waitFor();
  for (const width of [390, 600, 900, 1280]) {
    await live.setViewportSize({ width, height: 844 });
    assert.deepEqual(await beyond(live), [], `${width} pixels wide`);
  }
});

scenario("says of a session post without a session that it was never offered", async (visitor) => {
  await visitor.open(`${demo.landing}/apply?reqid=`);
  await visitor.send();
  const id = await visitor.page.textContent(".leadid");
  const { page: live } = await visitor.another();
  await live.goto(`${demo.landing}/live`);
  const card = live.locator(`#lead-${id}`);
  await card.locator(".buyers summary").click();
  await card.getByText("It was never offered.").waitFor();
});

describe("the list", () => {
  const START = Date.parse("2026-11-23T10:00:00Z");

  /** An event as the server sends it. @param {string} kind @param {number} second @param {object} row */
  const event = (kind, second, row) => {
    const at = new Date(START + second * 1000).toISOString();
    return `event: ${kind}\ndata: ${JSON.stringify({ at, why: "Why.", ...row })}\n\n`;
  };
  const click = { affiliate: 12, offer: 300, request_id: "1", disposition: "ok", source: "link", sub_ids: [""] };
  /** @param {string} id @param {string} status */
  const lead = (id, status) => ({
    id, status, affiliate: 12, offer: 300, request_id: "2", attribution: "cookie", post: "browser", payout: "1.00",
    sales: [], fields: {},
  });

  /** Opens the page on these events. @param {Visitor} visitor @param {string[]} events */
  async function shown({ page }, events) {
    const body = `retry: 600000\n\n${events.map((text, index) => `id: 1-${index + 1}\n${text}`).join("")}`;
    await page.route("**/live/events", (route) => route.fulfill({ contentType: "text/event-stream", body }));
    await page.goto(`${demo.landing}/live`);
    await page.locator("#feed > li").first().waitFor();
    return page;
  }

  scenario("keeps a lead that changes in its place, and says what it was", async (visitor) => {
    const page = await shown(visitor, [
      event("lead", 1, lead("AAAAAAAA", "queued")),
      event("click", 2, click),
      event("lead", 1, lead("AAAAAAAA", "pending_unknown")),
      event("lead", 1, lead("AAAAAAAA", "sold")),
    ]);
    await page.getByText("changed, was pending unknown").waitFor();
    const cards = page.locator("#feed > li");
    assert.deepEqual(await cards.evaluateAll((all) => all.map((card) => card.className.split(" ")[0])), ["click", "lead"]);
    assert.equal(await page.textContent("[data-kind=lead] b"), "1");
  });

  scenario("says of a lead that was had free which one it replaces", async (visitor) => {
    const sale = { contract: 210, buyer: 21, price: "0.00", type: "exclusive", replaces: "AAAAAAAA" };
    const page = await shown(visitor, [event("lead", 1, { ...lead("CCCCCCCC", "sold"), sales: [sale] })]);
    const text = (await page.textContent("#lead-CCCCCCCC .sold")) ?? "";
    assert.equal(text, "sold to Big Carrier 21 for 0.00, in place of lead AAAAAAAA that it gave back");
  });

  scenario("shows the day of what came on another", async (visitor) => {
    const page = await shown(visitor, [event("click", -86_400 * 40, click)]);
    const text = (await page.textContent("#feed time")) ?? "";
    assert.match(text, /2026.* \d\d:\d\d:\d\d$/);
  });

  scenario("is in the order of the times that it shows", async (visitor) => {
    const page = await shown(visitor, [
      event("click", 3, click),
      event("lead", 1, lead("BBBBBBBB", "sold")),
      event("click", 4, click),
      event("click", 2, click),
    ]);
    await page.locator("#feed > :nth-child(4)").waitFor();
    const times = await page.locator("#feed time").evaluateAll((all) => all.map((time) => /** @type {HTMLTimeElement} */ (time).dateTime));
    assert.deepEqual(times, [...times].sort().reverse());
  });

  scenario("says that its counters choose what is shown", async (visitor) => {
    const page = await shown(visitor, [event("click", 1, click), event("told", 2, { by: "pixel", affiliate: 12, offer: 600 })]);
    assert.match((await page.textContent(".counts")) ?? "", /^Show/);
    const told = page.locator("[data-kind=told]");
    assert.equal(await told.textContent(), "1Postbacks, HTML pixels");
    assert.equal(await told.getAttribute("title"), "Show them, or leave them out");
    await told.click();
    assert.equal(await page.locator("#feed .told").isVisible(), false);
    assert.equal(await page.locator("#feed .click").isVisible(), true);
    await told.click();
    assert.equal(await page.locator("#feed .told").isVisible(), true);
  });

  scenario("shows a pixel that repeats an order as refused, with why", async (visitor) => {
    await visitor.open(link("a=12&c=6001"));
    await visitor.page.click("#send");
    await visitor.page.waitForURL(/\/shop\/thanks/, { waitUntil: "load" });
    const order = String(await visitor.page.textContent("#order"));
    await visitor.page.reload();
    const { page: live } = await visitor.another();
    await live.goto(`${demo.landing}/live`);
    const refused = live.locator(".rejection", { hasText: order });
    await refused.waitFor();
    assert.match((await refused.textContent()) ?? "", /Duplicate Conversion: session \d+ had a call or a conversion of this event before, or the call's transaction id was there before, so the call made no conversion/);
  });
});

scenario("has what arrives in sight on a small screen, and the links to unfold", async (visitor) => {
  const { page: live } = await visitor.another();
  await fetch(link("a=12&c=1001"), { redirect: "manual" });
  await live.setViewportSize({ width: 390, height: 844 });
  await live.goto(`${demo.landing}/live`);
  const first = live.locator("#feed > li").first();
  await first.waitFor();
  const box = await first.boundingBox();
  assert.ok(box && box.y < 844 / 2, JSON.stringify(box));
  const tried = live.locator("nav a").first();
  assert.equal(await tried.isVisible(), false);
  await live.click("nav summary");
  assert.equal(await tried.isVisible(), true);
  await live.click("nav summary");
  // A wide one has room for both.
  await live.setViewportSize({ width: 900, height: 844 });
  await tried.waitFor();
  assert.equal(await live.locator("nav summary").isVisible(), false);
});

scenario("says without JavaScript what it needs, and not that it is connecting", async (visitor) => {
  await visitor.open(`${demo.landing}/apply?reqid=`);
  await visitor.send();
  const browser = visitor.page.context().browser();
  const context = await browser?.newContext({ javaScriptEnabled: false });
  const page = await context?.newPage();
  try {
    assert.ok(page);
    await page.goto(`${demo.landing}/live`);
    assert.equal(await page.locator("noscript p").isVisible(), true);
    for (const useless of ["#connection", ".counts", "#empty"]) {
      assert.equal(await page.locator(useless).isVisible(), false, useless);
    }
    assert.equal(await page.locator("nav a").first().isVisible(), true);
    await page.setViewportSize({ width: 390, height: 844 });
    const box = await page.locator("noscript p").boundingBox();
    assert.ok(box && box.y + box.height < 844, JSON.stringify(box));
    const { stdout } = await promisify(exec)(String(await page.textContent("noscript code")));
    assert.match(stdout, /^AT +LEAD /);
  } finally {
    await context?.close();
  }
});

scenario("keeps the links in sight while its list is scrolled", async (visitor) => {
  const { page: live } = await visitor.another();
  for (let click = 0; click < 20; click += 1) await fetch(link("a=12&c=1001"), { redirect: "manual" });
  await live.setViewportSize({ width: 1280, height: 900 });
  await live.goto(`${demo.landing}/live`);
  await live.locator("#feed > :nth-child(20)").waitFor();
  await live.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  const box = await live.locator("nav").boundingBox();
  assert.ok(box && Math.abs(box.y) < 1 && box.height === 900, JSON.stringify(box));
});

for (const [where, creative] of /** @type {const} */ ([["the tracker's site", 3001], ["another site", 3002]])) {
  scenario(`is the one tab that pages on ${where} lead back to`, async (visitor) => {
    const { page: live } = visitor;
    await live.goto(`${demo.landing}/live`);
    const follow = live.click(`a[href="${link(`a=12&c=${creative}&s1=review`)}"]`);
    const [page] = await Promise.all([live.waitForEvent("popup"), follow]);
    await page.waitForSelector("#send");
    await Promise.all([live.waitForEvent("framenavigated"), page.click("text=Watch what arrives")]);
    assert.equal(live.context().pages().length, 2);
    assert.equal(live.url(), `${demo.landing}/live`);
  });
}

scenario("is at the address only under which it can forget the tracker's cookies", async (visitor) => {
  await visitor.open(`${demo.otherSite}/live`);
  assert.equal(visitor.page.url(), `${demo.landing}/live`);
});
