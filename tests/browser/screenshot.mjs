// @ts-check
// Takes the pictures of the README from the running demo: npm run screenshot

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openContext, startBrowser } from "./browser.mjs";
import { startDemo } from "./demo.mjs";
import { visitorsOf } from "./visitors.mjs";

const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const VIEWPORT = { width: 1280, height: 800 };

// Where everything is by default, since some pages show it.
const listen = {
  listen: "127.0.0.1:8080",
  "admin-listen": "127.0.0.1:8081",
  "landing-listen": "127.0.0.1:8090",
  "buyers-listen": "127.0.0.1:8095",
};
const [demo, browser] = await Promise.all([startDemo({ listen }), startBrowser()]);
const visitors = visitorsOf(browser, demo);
try {
  await mkdir(IMAGES, { recursive: true });
  await makeTraffic();
  const looks = { viewport: VIEWPORT, colorScheme: /** @type {const} */ ("light"), timezoneId: "America/New_York" };
  const context = await openContext(browser, looks);
  const page = await context.newPage();
  await page.goto(`${demo.landing}/live`);
  await page.waitForSelector("#connection.on");
  await page.waitForSelector("#feed > :nth-child(10)");
  await take(page, "live.png");
  await page.goto(`${demo.tracking}/?a=12&c=3001&s1=review`);
  await take(page, "form.png");
  await page.goto(demo.posting);
  await take(page, "posting-doc.png");
} finally {
  await visitors.leave();
  await browser.close();
  await demo.stop();
  await demo.leave();
}

/** A little of everything, the most instructive last. */
async function makeTraffic() {
  const link = (/** @type {string} */ query) => `${demo.tracking}/?${query}`;
  await visit(async (visitor) => {
    await visitor.open(link("a=12&c=2002&s1=search"));
    await visitor.send({ zip_code: "94016" });
  });
  await visit(async (visitor) => {
    await visitor.open(`${demo.landing}/guide`);
    await visitor.requestId();
    await visitor.send();
  });
  await visit(async (visitor) => {
    await visitor.open(link("a=12&c=1001&s1=newsletter"));
    await visitor.open(link("a=13&c=1001&s1=banner"));
    await visitor.send();
  });
  await visit(async (visitor) => {
    await visitor.open(link("a=13&c=3001&s1=review"));
    await visitor.page.click("text=Make it wrong");
    await visitor.send();
  });
  await visit(async (visitor) => {
    await visitor.open(link("a=12&c=6001&s1=coupon"));
    await visitor.page.click("#send");
    await visitor.page.waitForURL(/\/shop\/thanks/, { waitUntil: "load" });
  });
  await visit(async (visitor) => {
    await visitor.open(`${demo.landing}/partner`);
    await visitor.page.click("#run-wrong");
    await visitor.page.waitForSelector(".answer");
    await visitor.page.click("#run");
    await visitor.page.waitForSelector(".answer:has-text('leadid')");
  });
  await visit(async (visitor) => {
    await visitor.open(link("a=12&c=5001&s1=deal"));
    await visitor.send();
  });
}

/** @param {(visitor: import("./visitors.mjs").Visitor) => Promise<void>} what */
async function visit(what) {
  const visitor = await visitors.come({ cookies: true });
  await what(visitor);
  await visitor.go();
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
async function take(page, name) {
  await page.waitForLoadState("networkidle").catch(() => {});
  await page.screenshot({ path: `${IMAGES}${name}`, animations: "disabled" });
}
