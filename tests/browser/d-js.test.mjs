// @ts-check
// d.js by itself: its global, which forms it takes, and how it posts them.

import assert from "node:assert/strict";
import { EMAIL } from "./landing-page.mjs";
import { formLibrary } from "./with-servers.mjs";

const AJAX_ERROR =
  "An error occurred while saving your information. Please check your internet connection and try again.";
const NEXT = { data: { success: true, nextPage: "/ty" } };

formLibrary((scenario) => {
  scenario("defines CKM with its members and their defaults", async ({ land, page }) => {
    await land();
    const members = await page.evaluate(() => {
      const found = /** @type {Record<string, unknown>} */ ({});
      const ckm = /** @type {any} */ (window).CKM;
      for (const name of Object.keys(ckm)) found[name] = typeof ckm[name] === "function" ? "function" : ckm[name];
      return found;
    });
    const expected = {
      use_iframe: false,
      form_selector: "#ckm_form",
      submit_selector: ":submit",
      init_focus: false,
      error_title: "Error",
      required_error: "This field is required.",
      validation_error: "Please fix all highlighted fields.",
      ajax_timeout: 8000,
      ajax_error: AJAX_ERROR,
      ajax_class: "valid-ajax",
      required_class: "valid-required",
      valid_class: "valid",
      error_class: "error",
      default_value_class: "default",
      submitting: false,
      add_validator: "function",
      prepop_field: "function",
      format_valid: "function",
      format_invalid: "function",
      remove_format: "function",
      popup_error: "function",
      change_page: "function",
      on_iframe_load: "function",
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(members[name], value, name);
  });

  for (const [when, where] of /** @type {const} */ ([
    ["before the script", { before: "var CKM = { error_title: 'Oh no' };" }],
    ["after it", { after: "CKM.error_title = 'Oh no';" }],
    ["by another object", { after: "window.CKM = { error_title: 'Oh no' };" }],
    ["when the document is ready", { after: "addEventListener('DOMContentLoaded', function () { CKM.error_title = 'Oh no'; });" }],
  ])) {
    scenario(`members that the page sets ${when} count`, async ({ land, tracker, press, nextDialog }) => {
      tracker.answer("d.ashx", () => ({ data: { success: false, error: "Inactive Offer" } }));
      await land(where);
      const said = nextDialog();
      await press();
      assert.equal(await said, "Oh no: Inactive Offer");
    });
  }

  scenario("posts the form as JSONP and goes to the next page instead of this one", async ({ land, page, tracker, press, origin }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land({
      fields: `${EMAIL}<input name="first_name" value="Zo\u00eb &amp; + Co"><input name="absent" disabled value="x">
        <input type="checkbox" name="opt_in" value="1" checked><input type="checkbox" name="spam" value="1">
        <select name="state"><option value="CA">California</option><option value="NV" selected>Nevada</option></select>
        <textarea name="note">two\nlines</textarea><input type="submit" name="button" value="b">`,
    });
    const pages = await page.evaluate(() => history.length);
    await press();
    await page.waitForURL(`${origin}/ty`);
    const post = await tracker.until("d.ashx");
    assert.equal(post.method, "GET");
    assert.match(post.get("callback") ?? "", /^[A-Za-z_$][A-Za-z0-9_$.]{0,127}$/);
    const sent = Object.fromEntries([...post.query].filter(([name]) => !/^(ckm_|callback)/.test(name)));
    assert.deepEqual(sent, {
      email_address: "ann@example.com",
      first_name: "Zo\u00eb & + Co",
      opt_in: "1",
      state: "NV",
      note: "two\r\nlines",
    });
    assert.equal(post.get("ckm_offer_id"), "122");
    assert.equal(await page.evaluate(() => history.length), pages, "the form is no longer in the history");
  });

  scenario("works for a campaign's own key, without an offer id", async ({ land, page, tracker, press, origin }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land({ action: `${tracker.origin}/d.ashx?ckm_campaign_id=5&ckm_key=k` });
    await page.evaluate(() => document.querySelector("[name=ckm_offer_id]")?.remove());
    await press();
    await page.waitForURL(`${origin}/ty`);
    const post = await tracker.until("d.ashx");
    assert.deepEqual([post.get("ckm_campaign_id"), post.get("ckm_key")], ["5", "k"]);
  });

  scenario("asks the server to answer within its own patience less a second", async ({ land, page, tracker, press, origin }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land();
    await press();
    await page.waitForURL(`${origin}/ty`);
    assert.equal((await tracker.until("d.ashx")).get("ckm_max_seconds"), "7");
    await land({ after: "CKM.ajax_timeout = 20000;" });
    await press();
    await page.waitForURL(`${origin}/ty`);
    assert.equal((await tracker.until("d.ashx", 2)).get("ckm_max_seconds"), "19");
  });

  scenario("a page may replace what happens next", async ({ land, page, tracker, press }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land({ after: "CKM.change_page = function (page) { window.went = page; };" });
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).went), "/ty");
  });

  scenario("a success without a next page is said in place of the form", async ({ land, page, press }) => {
    await land();
    await press();
    await page.getByText("Thank you.").waitFor();
    assert.equal(await page.isVisible("#ckm_form"), false);
  });

  scenario("evaluates what a success says to evaluate", async ({ land, page, tracker, press }) => {
    tracker.answer("d.ashx", () => ({ data: { success: true, nextEval: "window.evaluated = 1 + 1" } }));
    await land();
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).evaluated === 2);
  });

  scenario("says a whole-lead problem", async ({ land, tracker, press, nextDialog, page }) => {
    tracker.answer("d.ashx", () => ({ data: { success: false, error: "No Qualified Buyers Found" } }));
    await land();
    const said = nextDialog();
    await press();
    assert.equal(await said, "Error: No Qualified Buyers Found");
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).CKM.submitting), false);
  });

  scenario("highlights the fields that the server refuses, until they are changed", async ({ land, tracker, press, nextDialog, page }) => {
    tracker.answer("d.ashx", () => ({ data: { success: false, errors: [["zip_code", "Zip is wrong."]] } }));
    await land({ fields: '<input name="zip_code" value="1"><input name="city" value="x">' });
    const said = nextDialog();
    await press();
    assert.equal(await said, "Error: Please fix all highlighted fields.");
    assert.deepEqual(await page.$$eval(".error", (found) => found.map((input) => /** @type {any} */ (input).name)), ["zip_code"]);
    assert.equal(await page.getAttribute("[name=zip_code]", "title"), "Zip is wrong.");
    await page.fill("[name=zip_code]", "90210");
    await page.locator("[name=zip_code]").blur();
    assert.equal(await page.locator(".error").count(), 0);
  });

  scenario("says what is wrong with fields that the form does not show", async ({ land, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ data: { success: false, errors: [["city", "City, please."], ["zip", "Zip, please."]] } }));
    await land();
    const said = nextDialog();
    await press();
    assert.equal(await said, "Error: City, please.\nZip, please.");
  });

  scenario("says that saving failed after 8 seconds without an answer, not before", async ({ land, tracker, press, page, dialogs, nextDialog }) => {
    tracker.hold("d.ashx");
    await page.clock.install({ time: 0 });
    await land();
    await page.clock.pauseAt(60_000);
    await press();
    await tracker.until("d.ashx");
    await page.clock.runFor(7_999);
    assert.deepEqual(dialogs, []);
    const said = nextDialog();
    await page.clock.runFor(1);
    assert.equal(await said, `Error: ${AJAX_ERROR}`);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).CKM.submitting), false);
  });

  scenario("says that saving failed when the server cannot save", async ({ land, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land();
    const said = nextDialog();
    await press();
    assert.equal(await said, `Error: ${AJAX_ERROR}`);
  });

  for (const origin of ["foreign", "same"]) {
    scenario(`posts through a hidden frame to a tracker of ${origin} origin, and acts on the answer once`, async ({ land, page, tracker, press }) => {
      tracker.answer("d.ashx", () => NEXT);
      await land({
        action: origin === "same" ? "/d.ashx" : undefined,
        fields: EMAIL,
        before: `window.went = 0; window.told = [];
          addEventListener("message", function (event) { told.push(JSON.stringify(event.data)); });
          var CKM = { use_iframe: true, change_page: function () { went++; } };`,
      });
      await press();
      // The message comes after the call, so that by then both have been seen.
      await page.waitForFunction(() => /** @type {any} */ (window).told.length > 0);
      assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).told), ['{"ckm":{"success":true,"nextPage":"/ty"}}']);
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).went), 1);
      const post = await tracker.until("d.ashx");
      assert.deepEqual([post.method, post.search], ["POST", ""]);
      assert.deepEqual(
        ["ckm_ifrm", "ckm_offer_id", "email_address", "ckm_max_seconds", "callback"].map((name) => post.get(name)),
        ["1", "122", "ann@example.com", "7", null],
      );
      await page.waitForFunction(() => !document.querySelector("iframe"));
    });
  }

  scenario("hands a frame's answer to the page's own on_iframe_load, once", async ({ land, page, tracker, press }) => {
    tracker.answer("d.ashx", () => ({ data: { success: false, error: "Duplicate Lead" } }));
    await land({
      action: "/d.ashx",
      before: `window.got = []; window.told = 0; addEventListener("message", function () { told++; });
        var CKM = { use_iframe: true, on_iframe_load: function (data) { got.push(data.error); } };`,
    });
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).told === 1);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).got), ["Duplicate Lead"]);
  });

  scenario("listens to its own frame and its action's origin only", async ({ land, page, tracker, press }) => {
    const held = tracker.hold("d.ashx");
    const forger = `<script>onmessage = function () {
      parent.postMessage({ ckm: { success: true, nextPage: "/forged" } }, "*");
    };</script>`;
    tracker.answer("forger", () => ({ page: forger }));
    await land({
      outside: `<iframe name="stranger"></iframe><iframe name="forger" src="${tracker.origin}/forger"></iframe>`,
      before: `window.went = []; window.told = 0; addEventListener("message", function () { told++; });
        var CKM = { use_iframe: true, change_page: function (page) { went.push(page); } };`,
    });
    await press();
    await tracker.until("d.ashx");
    await page.evaluate(() => {
      const forged = "{ ckm: { success: true, nextPage: '/forged' } }";
      const own = /** @type {any} */ (document.querySelector('iframe[name^="ckm_frame"]'));
      // From the page itself, from another frame of the tracker's origin and one of the
      // page's, and from its own frame while that is not of the tracker's origin.
      /** @type {any} */ (window).forger.postMessage("go", "*");
      window.postMessage({ ckm: { success: true, nextPage: "/forged" } }, "*");
      for (const frame of [/** @type {any} */ (window).stranger, own.contentWindow]) {
        frame.eval(`parent.postMessage(${forged}, "*")`);
      }
    });
    await page.waitForFunction(() => /** @type {any} */ (window).told === 4);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).went), []);
    held[0](NEXT);
    await page.waitForFunction(() => /** @type {any} */ (window).went.length);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).went), ["/ty"]);
  });

  scenario("a frame's answer that nobody waits for counts for nothing", async ({ land, page }) => {
    await land({ before: "window.went = []; var CKM = { change_page: function (page) { went.push(page); } };" });
    await page.evaluate(() => /** @type {any} */ (window).CKM.on_iframe_load({ success: true, nextPage: "/ty" }));
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).went), []);
  });

  scenario("says that saving failed when a frame brings no answer", async ({ land, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land({ before: "var CKM = { use_iframe: true };" });
    const said = nextDialog();
    await press();
    assert.equal(await said, `Error: ${AJAX_ERROR}`);
  });

  scenario("posts through a frame what is too long for an address", async ({ land, page, tracker, press, origin }) => {
    tracker.answer("d.ashx", () => NEXT);
    const note = "long ".repeat(1500);
    await land({ fields: `<textarea name="note">${note}</textarea>` });
    await press();
    await page.waitForURL(`${origin}/ty`);
    const post = await tracker.until("d.ashx");
    assert.deepEqual([post.method, post.get("ckm_ifrm"), post.get("note")], ["POST", "1", note]);
  });

  scenario("leaves a form of the page's own server alone, but for the request id", async ({ land, page, tracker, press, origin }) => {
    await land({
      action: "/process?next=d.ashx",
      fields: '<input name="ckm_request_id"><input class="valid-required" name="city">',
      before: "window.ckm_request_id = 77;",
    });
    assert.equal(await page.inputValue("[name=ckm_request_id]"), "77");
    await press();
    await page.waitForURL(`${origin}/process?next=d.ashx`);
    assert.deepEqual(tracker.landing.find((request) => request.method === "POST"), {
      method: "POST",
      path: "/process",
      posted: "ckm_offer_id=122&ckm_request_id=77&city=",
    });
    assert.deepEqual(tracker.seen.map((request) => request.path), ["d.js"]);
  });

  scenario("takes a form only if its action's last part is d.ashx", async ({ land, page, tracker, press, origin }) => {
    await land({ action: "/add.ashx" });
    await press();
    await page.waitForURL(`${origin}/add.ashx`);
    assert.deepEqual(tracker.to("js.ashx"), []);
  });

  scenario("fills an empty request id from the global, also one that comes late", async ({ land, page, tracker, press }) => {
    await land({
      fields: '<input name="ckm_request_id">',
      after: "CKM.change_page = function () {};",
    });
    assert.equal(await page.inputValue("[name=ckm_request_id]"), "");
    await page.evaluate(() => void (/** @type {any} */ (window).ckm_request_id = 9007199254740991));
    await press();
    assert.equal((await tracker.until("d.ashx")).get("ckm_request_id"), "9007199254740991");
  });

  scenario("keeps a request id that is there, and fills in no 0", async ({ land, page }) => {
    await land({ fields: '<input name="ckm_request_id" value="5">', before: "window.ckm_request_id = 77;" });
    assert.equal(await page.inputValue("[name=ckm_request_id]"), "5");
    await land({ fields: '<input name="ckm_request_id">', before: "window.ckm_request_id = 0;" });
    assert.equal(await page.inputValue("[name=ckm_request_id]"), "");
  });

  scenario("takes the form and the buttons that its selectors name", async ({ land, page, tracker }) => {
    await land({
      before: "var CKM = { form_selector: 'form.mine', submit_selector: 'a.go' };",
      outside: `<form class="mine" action="${tracker.origin}/d.ashx"><input name="ckm_offer_id" value="9"></form>
        <a class="go" href="/wrong">Go</a>`,
    });
    await page.click("a.go");
    assert.equal((await tracker.until("d.ashx")).get("ckm_offer_id"), "9");
    assert.equal(new URL(page.url()).pathname, "/");
  });

  scenario("puts the cursor into the first empty field if it is told to", async ({ land, page }) => {
    const fields = `${EMAIL}<input name="city"><input name="zip_code">`;
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("name") ?? null);
    await land({ fields });
    assert.equal(await focused(), null);
    await land({ fields, before: "var CKM = { init_focus: true };" });
    assert.equal(await focused(), "city");
  });

  scenario("does nothing on a page without its form", async ({ page, origin, land, tracker }) => {
    await land({ before: "var CKM = { form_selector: '#other' };" });
    await page.click("#send");
    await page.waitForURL(`${tracker.origin}/d.ashx`);
    assert.deepEqual([tracker.to("js.ashx"), (await tracker.until("d.ashx")).method, origin !== tracker.origin], [[], "POST", true]);
  });

  scenario("lets a tester start over", async ({ land, page, tracker }) => {
    await land();
    await page.evaluate(() => new Promise((resolve) => /** @type {any} */ (window).CKM.clear_test(resolve)));
    assert.match((await tracker.until("t.ashx")).search, /^t=c&o=122&callback=ckm_callback_\d+$/);
  });
});
