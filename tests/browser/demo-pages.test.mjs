// @ts-check
// What the demo's pages say is so: with the cookie, without it, with a wrong request id,
// on another site, and shown a second time.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { demo, scenario } from "./with-demo.mjs";

/** @typedef {import("./visitors.mjs").Visitor} Visitor */

/** @param {string} query */
const link = (query) => `${demo.tracking}/?${query}`;

/** Waits until the page says so of the tracker's cookie. @param {Visitor} visitor @param {string} state */
const cookieIs = ({ page }, state) => page.locator("#cookie-state", { hasText: new RegExp(`^${state}$`) }).waitFor();

describe("the partner's script", () => {
  /** @param {string | null} text */
  const personIn = (text) => text?.match(/email_address=([^'&\s]+)/)?.[1];

  scenario("posts the person whom it shows", async ({ page, open }) => {
    await open(`${demo.landing}/partner`);
    const shown = personIn(await page.textContent("pre"));
    await page.click("#run");
    await page.waitForSelector(".answer:has-text('<leadid>')");
    assert.equal(personIn(await page.textContent(".sent")), shown);
    assert.equal(personIn(await page.textContent("#script")), shown);
    await page.click("#another");
    assert.notEqual(personIn(await page.textContent("#script")), shown);
  });

  scenario("is not run again by a reload", async ({ page, open }) => {
    await open(`${demo.landing}/partner`);
    await page.click("#run");
    const answer = await page.textContent(".answer");
    const before = (await demo.api("/leads?affiliate=14")).total;
    const refused = (await demo.api("/rejections")).total;
    await page.reload();
    assert.equal(await page.textContent(".answer"), answer);
    assert.equal((await demo.api("/leads?affiliate=14")).total, before);
    assert.equal((await demo.api("/rejections")).total, refused);
  });

  scenario("has no page of a run that never was", async ({ page, open }) => {
    const response = await open(`${demo.landing}/partner/runs/0`);
    assert.equal(response?.status(), 404);
    assert.equal(await page.textContent("h1"), "No such run");
  });
});

describe("the page with a pixel", () => {
  scenario("says at the first visit that the cookie is here, and lets it be forged and lost", async (visitor) => {
    const { page } = visitor;
    await visitor.open(`${demo.landing}/guide`);
    await cookieIs(visitor, "here");
    const requestId = await visitor.requestId();
    assert.equal(await page.textContent("#request-id"), requestId);
    assert.ok(await page.isEnabled("#forge"));
    await page.click("text=Forge it");
    await cookieIs(visitor, "forged");
    await page.click("text=Lose it");
    await cookieIs(visitor, "none");
    assert.equal(await page.isEnabled("#forge"), false);
    assert.equal(await visitor.requestId(), requestId);
  });

  scenario(
    "says in a browser that refuses cookies that there is none",
    async (visitor) => {
      await visitor.open(`${demo.landing}/guide`);
      await cookieIs(visitor, "none");
    },
    { cookies: false },
  );
});

scenario("a form's page follows what another tab does with the cookie", async (visitor) => {
  await visitor.open(link("a=12&c=1001"));
  await cookieIs(visitor, "here");
  const { page: live } = await visitor.another();
  await live.goto(`${demo.landing}/live`);
  await live.click("#new-visitor");
  await visitor.page.bringToFront();
  await visitor.page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await cookieIs(visitor, "none");
});

describe("the session post's page", () => {
  for (const [what, query, says, shows] of /** @type {const} */ ([
    ["a request id", "?reqid=123456789012345", "This page's address brought a request id.", "123456789012345"],
    ["an empty one", "?reqid=", "This page's address has an empty request id.", "(empty)"],
    ["none", "", "This page's address has no request id.", "(empty)"],
  ])) {
    scenario(`says that its address has ${what}`, async (visitor) => {
      const { page } = visitor;
      // A cookie is there as well, and the page must not say that none is.
      await visitor.open(link("a=12&c=3001"));
      await visitor.open(`${demo.landing}/apply${query}`);
      await cookieIs(visitor, "here");
      const text = (await page.textContent(".switches p")) ?? "";
      assert.ok(text.endsWith(says), text);
      assert.doesNotMatch(text, /No cookie is there/);
      await page.locator("#request-id", { hasText: shows }).waitFor();
    });
  }
});

describe("the advertiser's lead says what comes of sending it again", () => {
  for (const [what, query] of /** @type {const} */ ([
    ["with a wrong request id", "?reqid=123456789012345"],
    ["without one", "?reqid="],
  ])) {
    scenario(what, async (visitor) => {
      const { page } = visitor;
      await visitor.open(`${demo.landing}/apply${query}`);
      const email = await visitor.send();
      const sameKey = (await page.textContent("#same-key")) ?? "";
      assert.match(sameKey, /no further lead comes of it, and the answer is repeated/);
      const anew = (await page.textContent(".again")) ?? "";
      assert.match(anew, /a Duplicate Lead while a lead of this person stands/);
      assert.match(anew, /named no live session, or that no buyer took at once, does not count/);
      await page.click("#send-new");
      await page.waitForFunction(() => document.querySelectorAll(".leadid").length === 2);
      assert.equal((await demo.leadsOf(email)).length, 2);
      await page.click("#resend");
      await page.waitForFunction(() => document.querySelectorAll(".leadid").length === 3);
      assert.equal((await demo.leadsOf(email)).length, 2);
      assert.equal(await page.locator(".replayed").count(), 1);
    });
  }
});

describe("the advertiser's lead", () => {
  scenario("leads to another application on the page as it was", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=5001&zip_code=10001"));
    const address = page.url();
    const requestId = await visitor.requestId();
    // What was broken in the form is the form's alone.
    await page.click("text=Empty it");
    await visitor.send();
    await page.click("#another");
    assert.equal(page.url(), address);
    assert.equal(await visitor.requestId(), requestId);
    assert.equal(await page.inputValue("[name=zip_code]"), "10001");
    const [lead] = await demo.leadsOf(await visitor.send());
    assert.deepEqual([lead.affiliate, lead.attribution], [12, "request_id"], lead.why);
  });

  scenario("lists what was wrong, one below the other", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=3001"));
    await page.fill("[name=first_name]", "");
    await page.fill("[name=last_name]", "");
    await visitor.send({ zip_code: "none" });
    const errors = await page.locator(".errors li").allTextContents();
    const expected = [
      "Lead Missing Data", "First name is required.", "Last name is required.", "Validation Failed",
      "Enter a ZIP code of five digits.",
    ];
    assert.deepEqual(errors, expected);
  });

  scenario("has its time as the page that shows what arrives has it", async (visitor) => {
    await visitor.open(link("a=12&c=3001"));
    await visitor.send();
    const time = visitor.page.locator("time");
    assert.match((await time.textContent()) ?? "", /^\d\d:\d\d:\d\d$/);
    const kept = Date.parse((await time.getAttribute("datetime")) ?? "");
    assert.ok(Math.abs(Date.now() - kept) < 60_000, String(kept));
    // Where no script runs, it says which clock it means.
    const html = await (await fetch(visitor.page.url())).text();
    assert.match(html, />\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC</);
  });

  for (const address of ["/leads/abc", "/leads/99999999999999999999"]) {
    scenario(`is not at ${address}: the site says so itself`, async ({ page, open }) => {
      const response = await open(`${demo.landing}${address}`);
      assert.equal(response?.status(), 404);
      assert.equal(await page.textContent("h1"), "Nothing here");
    });
  }
});

describe("a lead that no buyer took at once leads to its card, which says why", () => {
  /** @param {Visitor} visitor */
  async function whyOf(visitor) {
    const email = await visitor.send();
    assert.equal(await visitor.page.textContent(".errors"), "No Qualified Buyers Found");
    const [live] = await Promise.all([visitor.page.waitForEvent("popup"), visitor.page.click(".why")]);
    const [lead] = await demo.leadsOf(email);
    const card = live.locator("#feed > .sought");
    await card.waitFor();
    assert.equal(await card.getAttribute("id"), `lead-${lead.id}`);
    return { card, live };
  }

  scenario("with a wrong request id", async (visitor) => {
    await visitor.open(`${demo.landing}/match?reqid=123456789012345`);
    const { card } = await whyOf(visitor);
    await card.getByText("It was never offered.").waitFor();
    assert.match((await card.textContent()) ?? "", /Credited to the internal affiliate 1: the post's request id is unknown/);
  });

  scenario("with an old car, also where the page is open and has gone on", async (visitor) => {
    for (let click = 0; click < 20; click += 1) await fetch(link("a=12&c=1001"), { redirect: "manual" });
    await visitor.open(link("a=12&c=5001&vehicle_year=1985"));
    const { card, live } = await whyOf(visitor);
    await card.getByText(/Forgetful/).first().waitFor();
    await card.locator(".result", { hasText: "unknown" }).waitFor();
    for (let click = 0; click < 20; click += 1) await fetch(link("a=12&c=1001"), { redirect: "manual" });
    await live.locator("#feed > :nth-child(20).click").waitFor();
    await live.evaluate(() => window.scrollTo(0, 0));
    await visitor.page.click(".why");
    await live.waitForFunction(() => {
      const box = document.querySelector(".sought")?.getBoundingClientRect();
      return box !== undefined && box.top >= 0 && box.bottom <= window.innerHeight;
    });
  });
});

scenario("a site's page says on a small screen too that it is for the demo", async ({ page, open }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(`${demo.landing}/apply`);
  const note = page.getByText("an advertiser's site, for the demo");
  assert.equal(await note.isVisible(), true);
  const surplus = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(surplus, 0);
});

describe("the link for who comes through no link", () => {
  scenario("makes a new visitor first: the lead is nobody's, whoever came before", async (visitor) => {
    await visitor.open(link("a=12&c=1001"));
    await cookieIs(visitor, "here");
    await visitor.open(`${demo.landing}/live`);
    const address = await visitor.page.getAttribute("text=come through no link at all", "href");
    await visitor.open(String(address));
    assert.equal(visitor.page.url(), `${demo.landing}/quote`);
    await cookieIs(visitor, "none");
    const [lead] = await demo.leadsOf(await visitor.send());
    assert.deepEqual([lead.affiliate, lead.attribution], [1, "internal"], lead.why);
  });

  scenario("leads to no other site", async () => {
    for (const to of ["//example.com", "/\\example.com", "https://example.com/", ""]) {
      const response = await fetch(`${demo.landing}/new-visitor?to=${encodeURIComponent(to)}`, { redirect: "manual" });
      assert.equal(response.headers.get("location"), "/live", to);
    }
  });
});

for (const path of ["/quote", "/quick", "/apply", "/guide", "/match", "/shop", "/shop/thanks", "/partner"]) {
  scenario(`${path} says what happens behind it, and leads to what arrives`, async ({ page, open }) => {
    await open(`${demo.landing}${path}`);
    const panel = page.locator(".switches");
    assert.match((await panel.textContent()) ?? "", /^Behind the page\. \S+/);
    assert.equal(await panel.getByText("Watch what arrives").getAttribute("href"), "/live");
  });
}

describe("the shop lets", () => {
  /** Buys, and gives the order's card on the page that shows what arrives. @param {Visitor} visitor */
  async function orderOf(visitor) {
    const { page } = visitor;
    await page.click("#send");
    await page.waitForURL(/\/shop\/thanks/, { waitUntil: "load" });
    const order = String(await page.textContent("#order"));
    const { page: live } = await visitor.another();
    await live.goto(`${demo.landing}/live`);
    const card = live.locator("#feed > .conversion, #feed > .rejection", { hasText: order });
    await card.waitFor();
    return String(await card.textContent());
  }

  for (const [what, button, state] of /** @type {const} */ ([["lost", "Lose it", "none"], ["forged", "Forge it", "forged"]])) {
    scenario(`the cookie be ${what}: the order is nobody's`, async (visitor) => {
      await visitor.open(link("a=12&c=6001"));
      await cookieIs(visitor, "here");
      await visitor.page.click(`text=${button}`);
      await cookieIs(visitor, state);
      assert.match(await orderOf(visitor), /^Refused pixel.*Invalid Request ID/);
    });
  }

  scenario("the request id be made wrong: the order is nobody's, with a cookie or without", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=6001"));
    await page.locator("#request-id", { hasText: "(empty)" }).waitFor();
    await page.click("text=Make it wrong");
    await page.locator("#request-id", { hasText: "123456789012345" }).waitFor();
    assert.match(await orderOf(visitor), /^Refused pixel.*Invalid Request ID/);
    assert.match(String(await page.textContent("#credit")), /Where it is wrong, nothing does, and the frame stays empty\.$/);
  });

  scenario("the request id be emptied: the cookie counts instead", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=6001"));
    await visitor.open(`${demo.landing}/shop?reqid=123456789012345`);
    await page.locator("#request-id", { hasText: "123456789012345" }).waitFor();
    await page.click("text=Empty it");
    assert.match(await orderOf(visitor), /^ConversionTraffic Co 12/);
  });
});

describe("the shop's thanks", () => {
  /** Buys, and gives what the page says of whose order it is. @param {Visitor} visitor @param {string} address */
  async function bought({ page, open }, address) {
    await open(address);
    await page.click("#send");
    await page.waitForURL(/\/shop\/thanks/, { waitUntil: "load" });
    const frame = page.frames().find((other) => other !== page.mainFrame());
    const images = (await frame?.content())?.includes("traffic-co/pixel.gif") ?? false;
    return { says: String(await page.textContent("#credit")), images };
  }

  scenario("say that the cookie counts, where it is here", async (visitor) => {
    const { says, images } = await bought(visitor, link("a=12&c=6001"));
    assert.match(says, /the tracker's cookie can say whose order it is\.$/);
    assert.equal(images, true);
  });

  scenario("say that a visit converts once, also by a further order", async (visitor) => {
    const { images } = await bought(visitor, link("a=12&c=6001"));
    assert.equal(images, true);
    const further = await bought(visitor, `${demo.landing}/shop`);
    assert.equal(further.images, false);
    const text = (await visitor.page.textContent(".switches")) ?? "";
    assert.match(text, /A visit converts once: a further order of it, or this page shown again, makes no conversion\./);
  });

  scenario("say that the frame stays empty on another site without a request id", async (visitor) => {
    const { says, images } = await bought(visitor, link("a=12&c=6002"));
    assert.match(says, /another site than the tracker's.*The frame stays empty\.$/);
    assert.equal(images, false);
  });

  scenario("say that the frame stays empty for who came through no link", async (visitor) => {
    const { says, images } = await bought(visitor, `${demo.landing}/shop`);
    assert.match(says, /no cookie of the tracker's for this offer\. The frame stays empty\.$/);
    assert.equal(images, false);
  });

  scenario("say that the frame stays empty where the cookie is forged", async (visitor) => {
    await visitor.open(link("a=12&c=6001"));
    await visitor.open(link("a=12&c=1001"));
    await cookieIs(visitor, "here");
    await visitor.page.click("text=Forge it");
    await cookieIs(visitor, "forged");
    const { says, images } = await bought(visitor, `${demo.landing}/shop`);
    assert.match(says, /the cookie is forged\. The frame stays empty\.$/);
    assert.equal(images, false);
  });

  scenario("say that the request id counts, where it is named", async (visitor) => {
    const { says, images } = await bought(visitor, link("a=12&c=6003"));
    assert.match(says, /^Only the request id in it can say whose order it is/);
    assert.equal(images, true);
  });
});
