// @ts-check
// d.js by itself: the checks of single fields, and the values filled in for a visitor.

import assert from "node:assert/strict";
import { PHONE_PARTS, ZIP } from "./landing-page.mjs";
import { formLibrary } from "./with-servers.mjs";

const STAY = "window.went = []; CKM.change_page = function (page) { went.push(page); };";
const NEXT = { data: { success: true, nextPage: "/ty" } };

/**
 * Types into a field and leaves it.
 * @param {import("playwright-core").Page} page
 * @param {string} name
 * @param {string} value
 */
async function enter(page, name, value) {
  await page.fill(`[name=${name}]`, value);
  await page.locator(`[name=${name}]`).blur();
}

/** @param {import("playwright-core").Page} page @param {string} css */
const names = (page, css) => page.$$eval(css, (found) => found.map((input) => /** @type {any} */ (input).name));

formLibrary((scenario) => {
  scenario("loads the offer's validators and marks the fields", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({
      script: `CKM.add_validator(7,"zip_code",null,null);
        CKM.add_validator(8,"city",null,"City, please.");
        CKM.add_validator(9,"home_phone",["home_area","home_prefix","home_suffix"],null);
        CKM.add_validator(10,"not_in_this_form",null,null);`,
    }));
    await land({ fields: `${ZIP}<input name="city">${PHONE_PARTS}` });
    assert.equal((await tracker.until("js.ashx")).search, "o=122");
    assert.deepEqual(await names(page, ".valid-ajax"), ["zip_code", "home_area", "home_prefix", "home_suffix"]);
    assert.deepEqual(await names(page, ".valid-required"), ["city"]);
  });

  scenario("a page may add validators of its own before the document is ready", async ({ land, page }) => {
    await land({ fields: ZIP, after: 'CKM.add_validator(7, "zip_code", null, null);' });
    assert.deepEqual(await names(page, ".valid-ajax"), ["zip_code"]);
  });

  scenario("asks the server about a value when it is changed", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    tracker.answer("v.ashx", (request) => ({
      data: request.get("v") === "90210" ? { success: true } : { success: false, error: "Zip is wrong." },
    }));
    await land({ fields: ZIP });
    await enter(page, "zip_code", "1 & 2");
    await page.waitForSelector(".error");
    assert.match((await tracker.until("v.ashx")).search, /^o=122&f=7&v=1\+%26\+2&callback=ckm_callback_\d+$/);
    assert.equal(await page.getAttribute("[name=zip_code]", "class"), "valid-ajax error");
    assert.equal(await page.getAttribute("[name=zip_code]", "title"), "Zip is wrong.");
    await enter(page, "zip_code", "90210");
    await page.waitForSelector(".valid");
    assert.equal(await page.getAttribute("[name=zip_code]", "class"), "valid-ajax valid");
  });

  scenario("an answer about an earlier value counts for nothing", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    const held = tracker.hold("v.ashx");
    await land({ fields: ZIP });
    await enter(page, "zip_code", "1");
    await tracker.until("v.ashx");
    await enter(page, "zip_code", "90210");
    await tracker.until("v.ashx", 2);
    held[1]({ data: { success: true } });
    await page.waitForSelector(".valid");
    const scripts = page.waitForEvent("requestfinished", (request) => request.url().includes("v=1&"));
    held[0]({ data: { success: false, error: "Zip is wrong." } });
    await scripts;
    await page.waitForFunction(() => !document.querySelector('script[src*="v.ashx"]'));
    assert.equal(await page.getAttribute("[name=zip_code]", "class"), "valid-ajax valid");
  });

  scenario("a value that cannot be asked about is neither right nor wrong, and stops no post", async ({ land, page, tracker, press }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    tracker.answer("v.ashx", () => ({ status: 500 }));
    tracker.answer("d.ashx", () => NEXT);
    await land({ fields: ZIP, after: STAY });
    await enter(page, "zip_code", "90210");
    await tracker.until("v.ashx");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length);
    assert.equal(await page.getAttribute("[name=zip_code]", "class"), "valid-ajax");
  });

  scenario("a group is asked about as one value, once every part is full", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({
      script: 'CKM.add_validator(9,"home_phone",["home_area","home_prefix","home_suffix"],null);',
    }));
    await land({ fields: PHONE_PARTS });
    await enter(page, "home_area", "555");
    await enter(page, "home_prefix", "12");
    await enter(page, "home_suffix", "4567");
    await enter(page, "home_prefix", "123");
    await page.waitForSelector(".valid");
    assert.deepEqual(tracker.to("v.ashx").map((request) => request.get("v")), ["5551234567"]);
    assert.deepEqual(await names(page, ".valid"), ["home_area", "home_prefix", "home_suffix"]);
  });

  scenario("a refused group is highlighted in all its parts", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("js.ashx", () => ({
      script: 'CKM.add_validator(9,"home_phone",["home_area","home_prefix","home_suffix"],null);',
    }));
    tracker.answer("d.ashx", () => ({ data: { success: false, errors: [["home_phone", "Phone is wrong."]] } }));
    await land({ fields: PHONE_PARTS });
    const said = nextDialog();
    await press();
    assert.equal(await said, "Error: Please fix all highlighted fields.");
    assert.deepEqual(await names(page, ".error"), ["home_area", "home_prefix", "home_suffix"]);
  });

  scenario("a blank required field is highlighted with its message and nothing is sent", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(8,"city",null,"City, please.");' }));
    tracker.answer("d.ashx", () => NEXT);
    await land({ fields: '<input name="city" value=" ">', after: STAY });
    const said = nextDialog();
    await press();
    assert.equal(await said, "Error: Please fix all highlighted fields.");
    assert.equal(await page.getAttribute("[name=city]", "title"), "City, please.");
    assert.deepEqual(tracker.to("v.ashx"), []);
    await enter(page, "city", "Reno");
    assert.equal(await page.getAttribute("[name=city]", "class"), "valid-required valid");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length);
    assert.deepEqual(tracker.to("d.ashx").map((post) => post.get("city")), ["Reno"]);
  });

  scenario("a field that the page marks as required has the general message", async ({ land, page, press, nextDialog, tracker }) => {
    await land({ fields: '<input type="checkbox" class="must" name="agree" value="1">', before: "var CKM = { required_class: 'must' };" });
    const said = nextDialog();
    await press();
    await said;
    assert.equal(await page.getAttribute("[name=agree]", "title"), "This field is required.");
    assert.deepEqual(tracker.to("d.ashx"), []);
  });

  scenario("a value that the server has refused stops the post", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    tracker.answer("v.ashx", () => ({ data: { success: false, error: "Zip is wrong." } }));
    await land({ fields: ZIP });
    await enter(page, "zip_code", "1");
    await page.waitForSelector(".error");
    const said = nextDialog();
    await press();
    assert.equal(await said, "Error: Please fix all highlighted fields.");
    assert.deepEqual(tracker.to("d.ashx"), []);
  });

  scenario("a press while checks are under way waits for them, with one call more", async ({ land, page, tracker, press }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    const held = tracker.hold("v.ashx");
    tracker.answer("d.ashx", () => NEXT);
    await land({ fields: ZIP, after: STAY });
    await enter(page, "zip_code", "90210");
    await tracker.until("v.ashx");
    await press();
    assert.match((await tracker.until("get.ashx")).search, /^callback=ckm_callback_\d+$/);
    assert.deepEqual(tracker.to("d.ashx"), []);
    held[0]({ data: { success: true } });
    await page.waitForFunction(() => /** @type {any} */ (window).went.length);
    assert.deepEqual(tracker.seen.map((request) => request.path), ["d.js", "js.ashx", "v.ashx", "get.ashx", "d.ashx"]);
  });

  scenario("a check under way that ends badly stops the post that waited for it", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    const held = tracker.hold("v.ashx");
    await land({ fields: ZIP });
    await enter(page, "zip_code", "1");
    await tracker.until("v.ashx");
    await press();
    await tracker.until("get.ashx");
    const said = nextDialog();
    held[0]({ data: { success: false, error: "Zip is wrong." } });
    assert.equal(await said, "Error: Please fix all highlighted fields.");
    assert.deepEqual(tracker.to("d.ashx"), []);
  });

  scenario("classes are the page's to choose", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    await land({ fields: ZIP, before: "var CKM = { ajax_class: 'checked', valid_class: 'good' };" });
    await enter(page, "zip_code", "90210");
    await page.waitForSelector(".good");
    assert.equal(await page.getAttribute("[name=zip_code]", "class"), "checked good");
  });

  scenario("each class and text is the page's to choose", async ({ land, page, tracker, press, nextDialog }) => {
    tracker.answer("d.ashx", () => ({ status: 503 }));
    await land({
      fields: `<input class="must" name="city"><input class="hint" name="street" value="Your street">`,
      before: `var CKM = { required_class: "must", error_class: "bad", valid_class: "good", default_value_class: "hint",
        error_title: "Oh", required_error: "Fill me.", validation_error: "Look again.", ajax_error: "Offline." };`,
    });
    let said = nextDialog();
    await press();
    assert.equal(await said, "Oh: Look again.");
    assert.equal(await page.getAttribute("[name=city]", "class"), "must bad");
    assert.equal(await page.getAttribute("[name=city]", "title"), "Fill me.");
    await enter(page, "city", "Reno");
    assert.equal(await page.getAttribute("[name=city]", "class"), "must good");
    await page.focus("[name=street]");
    assert.equal(await page.inputValue("[name=street]"), "");
    said = nextDialog();
    await press();
    assert.equal(await said, "Oh: Offline.");
  });

  scenario("what is said and marked goes through the page's own functions", async ({ land, page, tracker, press, jquery }) => {
    tracker.answer("js.ashx", () => ({
      script: 'CKM.add_validator(7,"zip_code",null,null); CKM.prepop_field("city","Reno",null);',
    }));
    tracker.answer("v.ashx", (request) => ({
      data: request.get("v") === "90210" ? { success: true } : { success: false, error: "Zip is wrong." },
    }));
    tracker.answer("d.ashx", () => ({ data: { success: false, error: "Inactive Offer" } }));
    await land({
      fields: `${ZIP}<input name="city">`,
      before: `window.got = [];
        function note(what) { return function (input, error) {
          got.push([what, input.nodeType || input.jquery ? (input.jquery ? input[0] : input).name : input, error]);
        }; }
        var CKM = { format_valid: note("valid"), format_invalid: note("invalid"), remove_format: note("none"),
          popup_error: note("said"), prepop_field: note("kept") };`,
    });
    await page.waitForFunction(() => /** @type {any} */ (window).got.length === 1);
    await enter(page, "zip_code", "1");
    await page.waitForFunction(() => /** @type {any} */ (window).got.length === 2);
    await enter(page, "zip_code", "90210");
    await page.waitForFunction(() => /** @type {any} */ (window).got.length === 3);
    await enter(page, "city", "Elko");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).got.length === 5);
    const none = undefined;
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).got), [
      ["kept", "city", "Reno"],
      ["invalid", "zip_code", "Zip is wrong."],
      ["valid", "zip_code", none],
      ["none", "city", none],
      ["said", "Error", "Inactive Offer"],
    ], jquery ? "with jQuery" : "without");
  });

  scenario("the page's own format functions get inputs as the page knows them", async ({ land, page, tracker, jquery }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    tracker.answer("v.ashx", () => ({ data: { success: false, error: "Zip is wrong." } }));
    await land({
      fields: ZIP,
      before: `var CKM = { format_invalid: function (input, error) {
        window.got = [input.jquery ? "jquery" : input.nodeType, (input.jquery ? input[0] : input).name, error];
      } };`,
    });
    await enter(page, "zip_code", "1");
    await page.waitForFunction(() => /** @type {any} */ (window).got);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).got), [jquery ? "jquery" : 1, "zip_code", "Zip is wrong."]);
  });

  scenario("fills in values kept for the session where the visitor has given none", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({
      script: `CKM.prepop_field("first_name","Ann",null); CKM.prepop_field("city","Reno",null);
        CKM.prepop_field("state","NV",null); CKM.prepop_field("size","S",null); CKM.prepop_field("spam","0",null);
        CKM.prepop_field("opt_in","1",null); CKM.prepop_field("plan","unknown",null); CKM.prepop_field("absent","x",null);`,
    }));
    await land({
      fields: `<input name="first_name"><input name="city" value="Elko">
        <select name="state"><option value=""></option><option>CA</option><option>NV</option></select>
        <input type="radio" name="size" value="S"><input type="radio" name="size" value="L">
        <input type="checkbox" name="opt_in" value="1"><input type="checkbox" name="spam" value="1">
        <select name="plan"><option value=""></option><option>A</option></select>`,
    });
    await page.waitForFunction(() => /** @type {any} */ (document.querySelector("[name=opt_in]")).checked);
    assert.equal(
      await page.evaluate(() => new URLSearchParams(/** @type {any} */ (new FormData(/** @type {any} */ (document.forms[0])))).toString()),
      "ckm_offer_id=122&first_name=Ann&city=Elko&state=NV&size=S&opt_in=1&plan=",
    );
  });

  scenario("splits a kept value over a group's parts by what they can hold", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({
      script: 'CKM.prepop_field("home_phone","5551234567",["home_area","home_prefix","home_suffix"]);',
    }));
    await land({ fields: PHONE_PARTS });
    assert.deepEqual(
      await page.$$eval("[maxlength]", (parts) => parts.map((part) => /** @type {any} */ (part).value)),
      ["555", "123", "4567"],
    );
  });

  scenario("a default value is a hint: it goes when the visitor comes, and is not sent", async ({ land, page, tracker, press }) => {
    tracker.answer("d.ashx", () => NEXT);
    await land({
      fields: `<input class="default" name="city" value="Your city"><input class="default" name="street" value="Your street">`,
      after: STAY,
    });
    await page.focus("[name=city]");
    assert.equal(await page.inputValue("[name=city]"), "");
    await page.locator("[name=city]").blur();
    assert.equal(await page.inputValue("[name=city]"), "Your city");
    await enter(page, "street", "Main");
    await press();
    await page.waitForFunction(() => /** @type {any} */ (window).went.length);
    const post = await tracker.until("d.ashx");
    assert.deepEqual([post.get("city"), post.get("street")], ["", "Main"]);
  });

  scenario("sees what a page does by jQuery, and shows it what is under way", async ({ land, page, tracker }) => {
    tracker.answer("js.ashx", () => ({ script: 'CKM.add_validator(7,"zip_code",null,null);' }));
    const held = tracker.hold("v.ashx");
    tracker.answer("d.ashx", () => NEXT);
    await land({
      fields: ZIP,
      after: `${STAY} window.shown = []; jQuery(document).on("ajaxStart ajaxStop", function (event) { shown.push(event.type); });`,
    });
    await page.evaluate(() => void /** @type {any} */ (window).jQuery("[name=zip_code]").val("90210").trigger("change"));
    await tracker.until("v.ashx");
    await page.evaluate(() => void /** @type {any} */ (window).jQuery("#ckm_form").trigger("submit"));
    await tracker.until("get.ashx");
    held[0]({ data: { success: true } });
    await page.waitForFunction(() => /** @type {any} */ (window).shown.length === 4);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).shown), ["ajaxStart", "ajaxStop", "ajaxStart", "ajaxStop"]);
    assert.equal(tracker.to("d.ashx").length, 1);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).jQuery.active), 0);
  }, { needsJquery: true });
});
