// @ts-check
// How the demo starts and ends, and what is left of cookies and request ids when
// their days are over.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startBrowser } from "./browser.mjs";
import { run, startDemo } from "./demo.mjs";
import { visitorsOf } from "./visitors.mjs";

const TIMEOUT = { timeout: 60_000 };
const CLICK_COOKIE_DAYS = 30;

test("Ctrl-C stops it cleanly, and its data is there at the next start", TIMEOUT, async () => {
  const first = await startDemo();
  try {
    await fetch(`${first.tracking}/?a=12&c=1001`, { redirect: "manual" });
    assert.equal(await first.stop(), 0);
    const second = await startDemo({ data: first.directory });
    const { total } = await second.api("/clicks");
    assert.equal(await second.stop(), 0);
    assert.equal(total, 1);
  } finally {
    await first.leave();
  }
});

test("the page that shows what arrives shows at the next start what was stored before", TIMEOUT, async () => {
  const browser = await startBrowser();
  let demo = await startDemo();
  const visitors = visitorsOf(browser, demo);
  try {
    const visitor = await visitors.come({ cookies: true });
    const empty = visitor.page.locator("#empty");
    await visitor.open(`${demo.landing}/live`);
    assert.equal(await empty.isVisible(), true);
    await visitor.open(`${demo.tracking}/?a=12&c=1001`);
    const [lead] = await demo.leadsOf(await visitor.send());
    await visitor.open(`${demo.tracking}/?a=12&c=6001`);
    await visitor.page.click("#send");
    await visitor.page.waitForURL(/\/shop\/thanks/, { waitUntil: "load" });
    // Once more, which is refused.
    await visitor.page.reload();
    await visitor.open(`${demo.landing}/partner`);
    await visitor.page.click("#run-wrong");
    await visitor.page.waitForSelector(".answer");
    await demo.stop();
    demo = await startDemo({ data: demo.directory });
    await visitor.open(`${demo.landing}/live`);
    await visitor.page.locator(`#lead-${lead.id}`).waitFor();
    assert.equal(await empty.isVisible(), false);
    const kinds = await visitor.page.locator("#feed > li").evaluateAll((all) => all.map((card) => card.classList[0]));
    assert.deepEqual(kinds, ["start", "rejection", "rejection", "conversion", "click", "lead", "click"]);
    await visitor.open(`${demo.tracking}/?a=12&c=1001`);
    await visitor.open(`${demo.landing}/live`);
    await visitor.page.locator("#feed > .click:first-child").waitFor();
  } finally {
    await visitors.leave();
    await browser.close();
    await demo.stop();
    await demo.leave();
  }
});

test("an open page that shows what arrives does not hold up the end", TIMEOUT, async () => {
  const demo = await startDemo();
  try {
    const events = await fetch(`${demo.landing}/live/events`);
    assert.equal(events.headers.get("content-type"), "text/event-stream");
    assert.equal(await demo.stop(), 0);
    // It says so where it had to cut somebody off.
    assert.equal(demo.log(), "");
    await events.body?.cancel();
  } finally {
    await demo.leave();
  }
});

test("a port that is taken names the flag that chooses another", TIMEOUT, async () => {
  const demo = await startDemo();
  try {
    for (const [flag, url] of [
      ["--listen", demo.tracking],
      ["--admin-listen", demo.admin],
      ["--landing-listen", demo.landing],
      ["--buyers-listen", demo.buyers],
    ]) {
      const { host } = new URL(url);
      const flags = ["--listen", "--admin-listen", "--landing-listen", "--buyers-listen"];
      const args = flags.flatMap((other) => [other, other === flag ? host : "127.0.0.1:0"]);
      const { code, stderr } = await run(["demo", "--data", `${demo.directory}/other`, ...args]);
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`cannot listen on ${host}: .*; choose another address by ${flag}\\n$`));
    }
  } finally {
    await demo.stop();
    await demo.leave();
  }
});

test("a data directory that holds another network is left alone", TIMEOUT, async () => {
  const demo = await startDemo();
  try {
    await demo.stop();
    // Of another name, it is somebody's own.
    const file = `${demo.directory}/other.toml`;
    const { writeFile } = await import("node:fs/promises");
    await writeFile(file, '[network]\nname = "Mine"\ninternal_affiliate = 1\n');
    assert.equal((await run(["apply", file, "--data", demo.directory])).code, 0);
    const flags = ["--listen", "--admin-listen", "--landing-listen", "--buyers-listen"];
    const any = flags.flatMap((flag) => [flag, "127.0.0.1:0"]);
    const { code, stderr } = await run(["demo", "--data", demo.directory, ...any]);
    assert.equal(code, 1);
    assert.match(stderr, /holds the network "Mine"; the demo wants one of its own/);
  } finally {
    await demo.leave();
  }
});

test("a cookie and a request id of more than the cookie days attribute nothing", TIMEOUT, async () => {
  const browser = await startBrowser();
  let demo = await startDemo();
  const visitors = visitorsOf(browser, demo);
  try {
    const visitor = await visitors.come({ cookies: true });
    await visitor.open(`${demo.tracking}/?a=12&c=1001`);
    const withCookie = visitor.page.url();
    await visitor.open(`${demo.tracking}/?a=12&c=3001`);
    const withRequestId = visitor.page.url();
    await demo.stop();
    const at = (/** @type {string} */ url) => new URL(url).host;
    const listen = {
      listen: at(demo.tracking),
      "admin-listen": at(demo.admin),
      "landing-listen": at(demo.landing),
    };
    demo = await startDemo({ data: demo.directory, offsetSeconds: (CLICK_COOKIE_DAYS + 1) * 86_400, listen });
    // The browser's own clock is right, so it still sends the cookie.
    await visitor.open(withCookie);
    assert.equal(await visitor.page.textContent("#cookie-state"), "here");
    const [byCookie] = await demo.leadsOf(await visitor.send());
    await visitor.open(withRequestId);
    const [byRequestId] = await demo.leadsOf(await visitor.send());
    for (const lead of [byCookie, byRequestId]) {
      assert.equal(lead.attribution, "internal", lead.why);
      assert.equal(lead.affiliate, 1);
      assert.match(lead.why, /is older than the offer's click cookie days/);
    }
  } finally {
    await visitors.leave();
    await browser.close();
    await demo.stop();
    await demo.leave();
  }
});
