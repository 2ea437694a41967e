// @ts-check
// d.js by itself: however a visitor presses the button, one filled form makes one
// lead, and a corrected form is a form of its own.

import assert from "node:assert/strict";
import { formLibrary } from "./with-servers.mjs";

const NEXT = { data: { success: true, nextPage: "/ty" } };
const REFUSED = { data: { success: false, error: "Inactive Offer" } };
const CITY = '<input name="city" value="Reno">';
const STAY = "window.went = []; CKM.change_page = function (page) { went.push(page); };";

/** @param {import("playwright-core").Page} page */
const went = (page) => page.evaluate(() => /** @type {any} */ (window).went);
// Empty pairs are no difference to a server.
/** @param {import("./stub-tracker.mjs").Seen} post */
const request = (post) => post.search.replace(/&+/g, "&");
/** @param {import("./stub-tracker.mjs").Seen} post */
const token = (post) => post.get("ckm_idempotency_key");

formLibrary((scenario) => {
  scenario("each filled form carries a random token", async ({ land, tracker, press }) => {
    await land({ after: STAY });
    await press();
    const first = token(await tracker.until("d.ashx"));
    assert.match(first ?? "", /^[0-9a-f]{32}$/);
    await land({ after: STAY });
    await press();
    assert.notEqual(token(await tracker.until("d.ashx", 2)), first);
  });

  scenario("a second press while the first is under way sends nothing", async ({ land, page, tracker, press }) => {
    const held = tracker.hold("d.ashx");
    await land({ after: STAY });
    await press();
    await press();
    await page.click("#send", { clickCount: 2 });
    await tracker.until("d.ashx");
    held[0](NEXT);
    await page.waitForFunction(() => /** @type {any} */ (window).went.length);
    assert.deepEqual(tracker.seen.map((seen) => seen.path), ["d.js", "js.ashx", "d.ashx"]);
  });

  scenario("a press after the success goes on again and sends nothing", async ({ land, page, tracker, press }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land({ after: STAY, fields: CITY });
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 2);
    assert.deepEqual(await went(page), ["/ty", "/ty"]);
    assert.equal(tracker.to("d.ashx").length, 1);
  });

  scenario("a form filled anew after a success is a new one", async ({ land, page, tracker, press }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land({ after: STAY, fields: CITY });
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    await page.fill("[name=city]", "Elko");
    await press();
    const second = await tracker.until("d.ashx", 2);
    assert.notEqual(token(second), token(tracker.to("d.ashx")[0]));
  });

  scenario("a retry after a lost answer is the same request, and does not wait for the lost one", async ({ land, page, tracker, press, nextDialog }) => {
    const lost = tracker.hold("d.ashx");
    await page.clock.install({ time: 0 });
    await land({ after: STAY, fields: CITY });
    await page.clock.pauseAt(60_000);
    await press();
    await tracker.until("d.ashx");
    const said = nextDialog();
    await page.clock.runFor(8_000);
    await said;
    tracker.answer("d.ashx", () => NEXT);
    await press();
    const retry = await tracker.until("d.ashx", 2);
    // Also the callback, so that an answer given again byte for byte still has one.
    assert.equal(request(retry), request(tracker.to("d.ashx")[0]));
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    lost[0](NEXT);
  });

  scenario("a success that comes after the patience has ended counts all the same", async ({ land, page, tracker, press, nextDialog }) => {
    const held = tracker.hold("d.ashx");
    await page.clock.install({ time: 0 });
    await land({ after: STAY, fields: CITY });
    await page.clock.pauseAt(60_000);
    await press();
    await tracker.until("d.ashx");
    const said = nextDialog();
    await page.clock.runFor(8_000);
    await said;
    held[0](NEXT);
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 2);
    assert.equal(tracker.to("d.ashx").length, 1);
  });

  scenario("a refused form that is pressed again unchanged keeps its token", async ({ land, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => REFUSED);
    await land({ fields: CITY });
    for (const count of [1, 2]) {
      const said = nextDialog();
      await press();
      assert.equal(await said, "Error: Inactive Offer");
      await tracker.until("d.ashx", count);
    }
    const [first, second] = tracker.to("d.ashx");
    assert.equal(request(second), request(first));
  });

  scenario("a refused form that was corrected has a new token", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ data: { success: false, errors: [["city", "No such city."]] } }));
    await land({ fields: CITY, after: STAY });
    const said = nextDialog();
    await press();
    await said;
    tracker.answer("d.ashx", () => NEXT);
    await page.fill("[name=city]", "Elko");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    const [first, second] = tracker.to("d.ashx");
    assert.equal(second.get("city"), "Elko");
    assert.notEqual(token(second), token(first));
  });

  scenario("a form changed after no answer keeps its token, and makes the lead if the first never arrived", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land({ fields: CITY, after: STAY });
    const said = nextDialog();
    await press();
    await said;
    tracker.answer("d.ashx", () => NEXT);
    await page.fill("[name=city]", "Elko");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    const [first, second] = tracker.to("d.ashx");
    assert.equal(second.get("city"), "Elko");
    assert.equal(token(second), token(first));
  });

  scenario("if the first did arrive, the changed form is refused and the first's answer is asked for", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land({ fields: CITY, after: STAY });
    const said = nextDialog();
    await press();
    await said;
    tracker.answer("d.ashx", (post) => (post.get("city") === "Reno" ? NEXT : { status: 422 }));
    await page.fill("[name=city]", "Elko");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    assert.deepEqual(tracker.to("d.ashx").map((post) => post.get("city")), ["Reno", "Elko", "Reno"]);
    assert.equal(new Set(tracker.to("d.ashx").map(token)).size, 1);
  });

  scenario("if the first was refused, the changed form goes out under a new token", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land({ fields: CITY, after: STAY });
    const said = nextDialog();
    await press();
    await said;
    const [{ query }] = tracker.to("d.ashx");
    const spent = query.get("ckm_idempotency_key");
    tracker.answer("d.ashx", (post) => {
      if (token(post) !== spent) return NEXT;
      return post.get("city") === "Reno" ? REFUSED : { status: 422 };
    });
    await page.fill("[name=city]", "Elko");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    assert.deepEqual(tracker.to("d.ashx").map((post) => post.get("city")), ["Reno", "Elko", "Reno", "Elko"]);
    assert.deepEqual(tracker.to("d.ashx").map((post) => token(post) === spent), [true, true, true, false]);
  });

  scenario("a form posted through a frame has the same token on a retry", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land({ fields: CITY, after: `${STAY} CKM.use_iframe = true;` });
    const said = nextDialog();
    await press();
    await said;
    tracker.answer("d.ashx", () => NEXT);
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length === 1);
    const [first, second] = tracker.to("d.ashx");
    assert.equal(second.body.toString(), first.body.toString());
    assert.match(token(second) ?? "", /^[0-9a-f]{32}$/);
  });
});
