// @ts-check
// The demo, driven as a visitor would: whose lead it is, by each way to post, with
// cookies, without them, and on a site that is not the tracker's.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { demo, scenario } from "./with-demo.mjs";

/** @typedef {import("./visitors.mjs").Visitor} Visitor */

/** @param {string} query */
const link = (query) => `${demo.tracking}/?${query}`;

/** The one lead of a person, as the API has it. @param {string} email */
async function leadOf(email) {
  const leads = await demo.leadsOf(email);
  assert.equal(leads.length, 1, `leads of ${email}: ${JSON.stringify(leads)}`);
  return leads[0];
}

/**
 * @param {any} lead
 * @param {Record<string, unknown>} expected
 */
function assertLead(lead, expected) {
  const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, lead[name]]));
  assert.deepEqual(seen, expected, lead.why);
}

const NOBODYS = { affiliate: 1, attribution: "internal" };

describe("browser post", () => {
  scenario("is credited by the cookie to the affiliate whose link was followed", async (visitor) => {
    await visitor.open(link("a=12&c=1001&s1=newsletter"));
    const email = await visitor.send();
    assert.equal(visitor.page.url(), `${demo.landing}/thanks`);
    const lead = await leadOf(email);
    assertLead(lead, { affiliate: 12, attribution: "cookie", post: "browser", campaign: 57, payout: "12.00" });
    assert.equal(lead.sub_ids[0], "newsletter");
    assert.deepEqual((await demo.clicksOf(lead.request_id)).map((click) => click.source), ["link"]);
  });

  scenario("stays with the first affiliate whose link was followed", async (visitor) => {
    await visitor.open(link("a=12&c=1001"));
    await visitor.open(link("a=13&c=1001"));
    const lead = await leadOf(await visitor.send());
    assertLead(lead, { affiliate: 12, attribution: "cookie" });
    const clicks = await demo.clicksOf(lead.request_id);
    assert.deepEqual(clicks.map((click) => [click.affiliate, click.duplicate]), [[12, false], [13, true]]);
  });

  scenario("of a visitor who followed no link is nobody's, and offered all the same", async (visitor) => {
    await visitor.open(`${demo.landing}/quote`);
    const email = await visitor.send();
    const lead = await leadOf(email);
    assertLead(lead, NOBODYS);
    assert.match(lead.why, /carried no cookie of offer 100\. As a browser's post it is offered/);
  });

  scenario("is not asked for twice: who has sent it goes to the thanks, until they are a new visitor", async (visitor) => {
    await visitor.open(link("a=12&c=1001"));
    const first = await leadOf(await visitor.send());
    await visitor.open(link("a=13&c=1001"));
    assert.equal(visitor.page.url(), `${demo.landing}/thanks`);
    const { data } = await demo.api("/clicks?affiliate=13&limit=1");
    assert.equal(data[0].disposition, "Already Converted");
    await visitor.open(`${demo.landing}/live`);
    await visitor.page.click("#new-visitor");
    await visitor.open(link("a=13&c=1001"));
    const second = await leadOf(await visitor.send());
    assertLead(second, { affiliate: 13, attribution: "cookie" });
    assert.notEqual(second.request_id, first.request_id);
  });

  scenario("of a visitor who lost the cookie is nobody's", async (visitor) => {
    await visitor.open(link("a=12&c=1001"));
    await visitor.page.click("text=Lose it");
    await visitor.page.locator("#cookie-state", { hasText: "none" }).waitFor();
    assertLead(await leadOf(await visitor.send()), NOBODYS);
  });

  scenario("with a forged cookie is nobody's", async (visitor) => {
    await visitor.open(link("a=12&c=1001"));
    await visitor.page.click("text=Forge it");
    await visitor.page.locator("#cookie-state", { hasText: "forged" }).waitFor();
    const lead = await leadOf(await visitor.send());
    assertLead(lead, NOBODYS);
    assert.match(lead.why, /cookie was not signed by this installation/);
  });

  scenario(
    "of a browser that refuses cookies is nobody's",
    async (visitor) => {
      await visitor.open(link("a=12&c=1001"));
      assert.equal(await visitor.page.textContent("#cookie-state"), "none");
      assertLead(await leadOf(await visitor.send()), NOBODYS);
    },
    { cookies: false },
  );

  // A browser itself drops the first of two presses; what a slow one or a retry sends is two posts.
  scenario("that arrives twice at the same moment is one lead", async (visitor) => {
    await visitor.open(link("a=12&c=1001"));
    const email = await visitor.page.inputValue("[name=email_address]");
    await visitor.page.evaluate(() => {
      const form = /** @type {HTMLFormElement} */ (document.querySelector("#ckm_form"));
      const post = () => {
        const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
        return fetch(form.action, { method: "POST", body, mode: "no-cors", credentials: "include" });
      };
      return Promise.all([post(), post()]);
    });
    assertLead(await leadOf(email), { affiliate: 12 });
  });
});

describe("AJAX post", () => {
  scenario("is credited by the cookie, and goes to the next page", async (visitor) => {
    await visitor.open(link("a=12&c=2001&s1=search"));
    const email = await visitor.send({ zip_code: "94016" });
    assert.equal(visitor.page.url(), `${demo.landing}/thanks`);
    const lead = await leadOf(email);
    assertLead(lead, { affiliate: 12, attribution: "cookie", post: "browser", payout: "10.00" });
    assert.equal(lead.sub_ids[0], "search");
  });

  scenario("whose button is pressed twice before the answer is one lead", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=2001"));
    await page.fill("[name=zip_code]", "94016");
    await page.press("[name=zip_code]", "Tab");
    await page.waitForSelector("[name=zip_code].valid");
    /** @type {() => void} */
    let answer = () => {};
    const pressedTwice = new Promise((resolve) => (answer = () => resolve(undefined)));
    await page.route(/d\.ashx/, async (route) => {
      await pressedTwice;
      await route.continue();
    });
    const sent = page.waitForRequest(/d\.ashx/);
    const email = await visitor.send({ stays: true });
    await sent;
    await page.click("#send");
    answer();
    await page.waitForURL(`${demo.landing}/thanks`);
    assertLead(await leadOf(email), { affiliate: 12 });
    assert.equal((await demo.api("/rejections?offer=200&outcome=duplicate_lead")).total, 0);
  });

  scenario("tells of a wrong field while it is typed, and makes no lead of it", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=2001"));
    await page.fill("[name=zip_code]", "9401");
    await page.press("[name=zip_code]", "Tab");
    await page.waitForSelector("[name=zip_code].error");
    assert.equal(await page.getAttribute("[name=zip_code]", "title"), "Enter a ZIP code of five digits.");
    const email = await visitor.send({ stays: true });
    assert.match(await visitor.dialog(), /Please fix all highlighted fields/);
    assert.deepEqual(await demo.leadsOf(email), []);
    await page.fill("[name=zip_code]", "94016");
    await page.press("[name=zip_code]", "Tab");
    await page.waitForSelector("[name=zip_code].valid");
    await page.click("#send");
    await page.waitForURL(`${demo.landing}/thanks`);
    assertLead(await leadOf(email), { affiliate: 12 });
  });

  scenario("has in its form what the link knows of the visitor", async (visitor) => {
    await visitor.open(link("a=12&c=2001&zip_code=10001"));
    assert.doesNotMatch(visitor.page.url(), /zip_code/);
    await visitor.page.waitForFunction(() => {
      const input = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=zip_code]"));
      return input?.value === "10001";
    });
    const email = await visitor.send();
    assert.equal((await leadOf(email)).fields.zip_code, "10001");
  });

  scenario("on another site than the tracker's brings no cookie and is nobody's", async (visitor) => {
    await visitor.open(link("a=12&c=2002"));
    assert.ok(visitor.page.url().startsWith(`${demo.otherSite}/quick`));
    const email = await visitor.send({ zip_code: "94016" });
    assertLead(await leadOf(email), NOBODYS);
  });

  for (const cookies of [true, false]) {
    scenario(
      `on another site is saved by the request id, cookies ${cookies ? "allowed" : "refused"}`,
      async (visitor) => {
        await visitor.open(link("a=12&c=2003"));
        assert.ok(visitor.page.url().startsWith(`${demo.otherSite}/quick?reqid=`));
        const email = await visitor.send({ zip_code: "94016" });
        assertLead(await leadOf(email), { affiliate: 12, attribution: "request_id", post: "session" });
      },
      { cookies },
    );
  }

  scenario(
    "of a browser that refuses cookies is nobody's",
    async (visitor) => {
      await visitor.open(link("a=12&c=2001"));
      const email = await visitor.send({ zip_code: "94016" });
      assertLead(await leadOf(email), NOBODYS);
    },
    { cookies: false },
  );

  scenario("in a frame of another site brings no cookie and is nobody's", async (visitor) => {
    const frame = await visitor.openInFrame(link("a=12&c=2001"));
    const email = await visitor.send({ zip_code: "94016", frame });
    assertLead(await leadOf(email), NOBODYS);
  });
});

describe("session post by the site's own server", () => {
  for (const cookies of [true, false]) {
    for (const [where, creative] of /** @type {const} */ ([["the tracker's site", 3001], ["another site", 3002]])) {
      scenario(
        `from ${where} is credited by the request id, cookies ${cookies ? "allowed" : "refused"}`,
        async (visitor) => {
          const { page } = visitor;
          await visitor.open(link(`a=12&c=${creative}&s1=review`));
          const requestId = await page.inputValue("[name=ckm_request_id]");
          const email = await visitor.send();
          const lead = await leadOf(email);
          assertLead(lead, { affiliate: 12, attribution: "request_id", post: "session", request_id: requestId });
          assertLead(lead, { payout: "15.00" });
          assert.equal(lead.sub_ids[0], "review");
          // What the advertiser itself has of it.
          assert.equal(await page.textContent(".leadid"), lead.id);
          assert.ok((await page.textContent("dl"))?.includes(email));
        },
        { cookies },
      );
    }
  }

  scenario("in a frame of another site is credited by the request id", async (visitor) => {
    const frame = await visitor.openInFrame(link("a=12&c=3001"));
    const email = await visitor.send({ frame });
    assertLead(await leadOf(email), { affiliate: 12, attribution: "request_id" });
  });

  for (const [what, press, why] of /** @type {const} */ ([
    ["an empty request id", "Empty it", /the post's request id was empty/],
    ["a wrong request id", "Make it wrong", /the post's request id is unknown/],
  ])) {
    scenario(`with ${what} is nobody's and not offered, whatever cookie the browser has`, async (visitor) => {
      await visitor.open(link("a=12&c=3001"));
      assert.equal(await visitor.page.textContent("#cookie-state"), "here");
      await visitor.page.click(`text=${press}`);
      const email = await visitor.send();
      const lead = await leadOf(email);
      assertLead(lead, { ...NOBODYS, status: "unsold", outcome: "unattributed_session", payout: "0.00" });
      assert.match(lead.why, why);
      assert.match(lead.why, /It is not offered for sale/);
    });
  }

  scenario("that arrives twice at the same moment is one lead", async (visitor) => {
    await visitor.open(link("a=12&c=3001"));
    const email = await visitor.page.inputValue("[name=email_address]");
    const ends = await visitor.page.evaluate(() => {
      const form = /** @type {HTMLFormElement} */ (document.querySelector("#ckm_form"));
      const post = async () => {
        const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
        return (await fetch(form.action, { method: "POST", body })).url;
      };
      return Promise.all([post(), post()]);
    });
    assert.equal(ends[0], ends[1]);
    await visitor.open(ends[0]);
    const lead = await leadOf(email);
    assert.deepEqual(await visitor.page.locator(".leadid").allTextContents(), [lead.id, lead.id]);
  });

  scenario("sent again gets the same answer; sent anew it is a duplicate", async (visitor) => {
    const { page } = visitor;
    await visitor.open(link("a=12&c=3001"));
    const email = await visitor.send();
    const answers = page.locator(".answer");
    const first = await answers.first().textContent();
    await page.click("#resend");
    await page.waitForFunction(() => document.querySelectorAll(".answer").length === 2);
    assert.equal(await page.textContent(".replayed"), "the same answer again");
    const body = (/** @type {string | null} */ text) => text?.slice(text.indexOf("{"));
    assert.equal(body(await answers.nth(1).textContent()), body(first));
    await page.click("#send-new");
    await page.waitForFunction(() => document.querySelectorAll(".answer").length === 3);
    assert.equal(await page.textContent(".errors"), "Duplicate Lead");
    await leadOf(email);
  });
});

describe("selling", () => {
  /** The buyers that are sent a lead when its best bid wins. */
  const BIDDERS = { 21: "Big Carrier", 22: "Bidwell", 23: "Picky Mutual" };

  /** @param {Visitor} visitor @param {string} email */
  async function cardOf(visitor, email) {
    const { page: live } = await visitor.another();
    await live.goto(`${demo.landing}/live`);
    return live.locator(`#lead-${(await leadOf(email)).id}`);
  }

  scenario("within the post: the page shows who bought the lead and for how much", async (visitor) => {
    await visitor.open(link("a=12&c=5001&s1=deal"));
    const email = await visitor.send();
    const lead = await leadOf(email);
    assertLead(lead, { affiliate: 12, attribution: "request_id", status: "sold", outcome: "sold", payout: "10.00" });
    assert.equal(await visitor.page.textContent(".leadid"), lead.id);
    assert.equal(lead.sales.length, 1);
    const [sale] = lead.sales;
    const name = BIDDERS[/** @type {keyof typeof BIDDERS} */ (sale.buyer)];
    assert.ok(name, `sold to ${sale.buyer}`);
    assert.equal(lead.revenue, sale.price);
    // Whoever sells to a bidder took no less than what anybody pays without a bid.
    assert.ok(Number(sale.price) >= 30, sale.price);
    const card = await cardOf(visitor, email);
    const text = (await card.textContent()) ?? "";
    assert.ok(text.includes(`sold to ${name} ${sale.buyer} for ${sale.price}`), text);
    await card.locator(".buyers summary").click();
    await card.locator(".buyers tr").first().waitFor();
    const rows = await card.locator(".buyers tr").allTextContents();
    assert.equal(rows.length, 5, "each contract of the vertical");
    assert.ok(rows.find((row) => row.startsWith(name))?.includes(`Bought for ${sale.price}.`), rows.join("\n"));
    assert.ok(rows.find((row) => row.startsWith("Slowpoke"))?.includes("ping timeout"), rows.join("\n"));
  });

  scenario("of an affiliate that the bidders exclude to who pays a fixed price, whose page the visitor goes on to", async (visitor) => {
    await visitor.open(link("a=13&c=5001&s1=deal"));
    const email = await visitor.send();
    const lead = await leadOf(email);
    assertLead(lead, { affiliate: 13, status: "sold", revenue: "30.00", payout: "10.00" });
    assert.equal(lead.sales[0].buyer, 21);
    await visitor.page.click("#onward");
    assert.equal(visitor.page.url(), `${demo.landing}/welcome`);
  });

  scenario("from elsewhere only to who buys there", async (visitor) => {
    await visitor.open(link("a=12&c=5001&s1=deal&zip_code=10001"));
    assert.equal(await visitor.page.inputValue("[name=zip_code]"), "10001");
    const [sale] = (await leadOf(await visitor.send())).sales;
    assert.ok([22, 23].includes(sale.buyer), `sold to ${sale.buyer}`);
  });

  scenario("to a buyer that hangs up: answered as unsold, offered to nobody else, settled by its status address", async (visitor) => {
    await visitor.open(link("a=12&c=5001&s1=classic&vehicle_year=1985"));
    const email = await visitor.send();
    assert.equal(await visitor.page.textContent(".errors"), "No Qualified Buyers Found");
    const card = await cardOf(visitor, email);
    await card.filter({ hasText: "sold to Forgetful 25 for 25.00" }).waitFor({ timeout: 45_000 });
    await visitor.page.click("#resend");
    await visitor.page.locator(".exchange:nth-of-type(2)").waitFor();
    // The late sale changes nothing of what was answered.
    assert.equal(await visitor.page.textContent(".replayed"), "the same answer again");
    assert.equal(await visitor.page.locator(".errors").count(), 2);
    // Its affiliate was answered that nobody buys, and earns nothing by the late sale.
    const lead = await leadOf(email);
    assertLead(lead, { status: "sold", revenue: "25.00", payout: "0.00" });
    assert.equal(lead.sales.length, 1);
  });

  scenario("of a hosted offer's lead after it was answered, to the buyer of its part of the country", async (visitor) => {
    await visitor.open(link("a=12&c=3001&s1=review"));
    const email = await visitor.send();
    const card = await cardOf(visitor, email);
    await card.filter({ hasText: "sold to Big Carrier 21 for 30.00" }).waitFor();
    assertLead(await leadOf(email), { status: "sold", revenue: "30.00", payout: "15.00" });
  });
});

describe("organic page with a click pixel", () => {
  for (const cookies of [true, false]) {
    const suffix = `, cookies ${cookies ? "allowed" : "refused"}`;
    scenario(
      `gives a visitor who came by no link a session of the internal affiliate${suffix}`,
      async (visitor) => {
        await visitor.open(`${demo.landing}/guide`);
        const requestId = await visitor.requestId();
        const email = await visitor.send();
        assertLead(await leadOf(email), { affiliate: 1, attribution: "request_id", request_id: requestId });
        const clicks = await demo.clicksOf(requestId);
        assert.deepEqual(clicks.map((click) => [click.source, click.affiliate]), [["js_pixel", 1]]);
      },
      { cookies },
    );

    scenario(
      `robs no affiliate: the address's request id is passed on and stays${suffix}`,
      async (visitor) => {
        await visitor.open(link("a=12&c=4001&s1=blog"));
        const ofLink = new URL(visitor.page.url()).searchParams.get("reqid");
        const requestId = await visitor.requestId();
        assert.equal(requestId, ofLink);
        const email = await visitor.send();
        const expected = { affiliate: 12, attribution: "request_id", request_id: requestId, payout: "8.00" };
        assertLead(await leadOf(email), expected);
        const clicks = await demo.clicksOf(requestId);
        const seen = clicks.map((click) => [click.source, click.affiliate, click.duplicate]);
        assert.deepEqual(seen, [["link", 12, false], ["js_pixel", 1, true]]);
      },
      { cookies },
    );
  }
});

describe("server post", () => {
  scenario("is credited to the campaign's affiliate by id and key", async (visitor) => {
    await visitor.open(`${demo.landing}/partner`);
    await visitor.page.click("#run");
    const answer = await visitor.page.textContent(".answer");
    const id = answer?.match(/<leadid>([A-Z0-9]{8})<\/leadid><price>18\.00</)?.[1];
    const lead = await demo.api(`/leads/${id}`);
    assertLead(lead, { affiliate: 14, campaign: 314, attribution: "key", post: "server", payout: "18.00" });
    assert.equal(lead.sub_ids[0], "portal");
  });

  scenario("with a wrong key is refused", async (visitor) => {
    await visitor.open(`${demo.landing}/partner`);
    const before = (await demo.api("/rejections?outcome=invalid_post_key")).total;
    await visitor.page.click("#run-wrong");
    assert.match((await visitor.page.textContent(".answer")) ?? "", /<error>Invalid Post Key<\/error>/);
    assert.equal((await demo.api("/rejections?outcome=invalid_post_key")).total, before + 1);
  });

  scenario("has a posting document with its id and key", async (visitor) => {
    await visitor.open(demo.posting);
    const text = await visitor.page.textContent("body");
    assert.ok(text?.includes("DemoKey5gH1jK") && text.includes("314"), "id and key");
  });
});

describe("the page that shows what arrives", () => {
  scenario("shows a click and a lead as they come, each with why, also when opened later", async (visitor) => {
    const { page: live } = await visitor.another();
    await live.goto(`${demo.landing}/live`);
    await live.waitForSelector("#connection.on");
    await visitor.open(link("a=12&c=3001&s1=live"));
    const requestId = await visitor.requestId();
    const click = live.locator(`.click[data-session="${requestId}"]`);
    await click.waitFor();
    assert.match((await click.textContent()) ?? "", /Traffic Co 12.*Opened session \d+ for affiliate 12 on offer 300/);
    await visitor.send();
    const lead = live.locator(`.lead[data-session="${requestId}"]`);
    await lead.waitFor();
    assert.match((await lead.textContent()) ?? "", /by request id.*Credited to affiliate 12 by request id/);

    const { page: later } = await visitor.another();
    await later.goto(`${demo.landing}/live`);
    await later.locator(`.lead[data-session="${requestId}"]`).waitFor();
    await later.locator(`.click[data-session="${requestId}"]`).waitFor();
  });

  scenario("shows refused posts and diverted clicks with the reason", async (visitor) => {
    const { page: live } = await visitor.another();
    await live.goto(`${demo.landing}/live`);
    await visitor.open(link("a=999&c=1001&s1=odd"));
    assert.equal(visitor.page.url(), `${demo.landing}/elsewhere`);
    await live.locator(".click", { hasText: "Invalid Link" }).first().waitFor();
    await visitor.open(`${demo.landing}/partner`);
    await visitor.page.click("#run-wrong");
    await live.locator(".rejection", { hasText: "Invalid Post Key" }).first().waitFor();
  });

  scenario("leads to every scenario", async (visitor) => {
    await visitor.open(`${demo.landing}/live`);
    const links = await visitor.page.$$eval("nav a", (found) => found.map((link) => /** @type {any} */ (link).href));
    assert.ok(links.length >= 12, String(links));
    for (const address of links) {
      const response = await visitor.page.goto(address);
      assert.equal(response?.status(), 200, address);
    }
  });
});
