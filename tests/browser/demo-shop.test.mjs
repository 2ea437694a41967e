// @ts-check
// The demo's shop: an order is reported by the pixel on its thank-you page, and the
// affiliate's server and HTML pixel are told.

import assert from "node:assert/strict";
import { demo, scenario } from "./with-demo.mjs";

/** @typedef {import("./visitors.mjs").Visitor} Visitor */

/** Follows a link to the shop and buys; gives the order's number. @param {Visitor} visitor */
async function buy({ page, open }, creative = 6001) {
  await open(`${demo.tracking}/?a=12&c=${creative}&s1=coupon`);
  await page.click("#send");
  await page.waitForURL(/\/shop\/thanks/, { waitUntil: "load" });
  return String(await page.textContent("#order"));
}

/** @param {string} order */
async function conversionOf(order) {
  const { data } = await demo.api("/conversions?limit=100");
  return data.find((/** @type {any} */ row) => row.transaction_id === order);
}

const EARNED = { affiliate: 12, offer: 600, campaign: 316, payout: "4.00", received: "6.50", disposition: "approved" };

/** @param {any} row */
const facts = (row) => Object.fromEntries(Object.keys(EARNED).map((name) => [name, row[name]]));

scenario("a visitor who buys converts, and the page shows it with what the affiliate was told", async (visitor) => {
  const { page: live } = await visitor.another();
  await live.goto(`${demo.landing}/live`);
  await live.waitForSelector("#connection.on");
  const order = await buy(visitor);
  const row = await conversionOf(order);
  assert.deepEqual(facts(row), EARNED);
  assert.equal(row.source, "iframe");
  const conversion = live.locator(".conversion", { hasText: order });
  await conversion.waitFor();
  assert.match((await conversion.textContent()) ?? "", /^ConversionTraffic Co 12Dashboard sun shade \(shop\) 600.*approved.*earns4\.00of6\.50Credited to affiliate 12 by the visitor's cookie: it names session \d+, which was \d+ seconds? old\.$/);
  for (const told of ["Postback", "HTML pixel"]) {
    const card = live.locator(".told", { hasText: order }).filter({ hasText: told });
    await card.waitFor();
    assert.match((await card.textContent()) ?? "", new RegExp(`^${told}Traffic Co 12.*received by the affiliate.*earned4\\.00$`));
  }
});

scenario("an order on another site is nobody's without a cookie, and the page says why", async (visitor) => {
  const { page: live } = await visitor.another();
  await live.goto(`${demo.landing}/live`);
  const order = await buy(visitor, 6002);
  assert.equal(new URL(visitor.page.url()).origin, demo.otherSite);
  const refused = live.locator(".rejection", { hasText: order });
  await refused.waitFor();
  const why = /^Refused pixel.*Invalid Request ID: it brought no request id and no cookie of the offer, so the call made no conversion.*another site than the tracker's/;
  assert.match((await refused.textContent()) ?? "", why);
  assert.equal(await conversionOf(order), undefined);
});

for (const cookies of [true, false]) {
  scenario(
    `an order on another site is credited by the request id, ${cookies ? "with" : "without"} cookies`,
    async (visitor) => {
      const order = await buy(visitor, 6003);
      assert.deepEqual(facts(await conversionOf(order)), EARNED);
    },
    { cookies },
  );
}
