// @ts-check
// The click pixel's script by itself: where on a page it writes the request id. And the
// code that loads it: what of the page's own address it passes on.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { openPage } from "./browser.mjs";
import { browserAndServers } from "./with-servers.mjs";

// The real ones, from the snapshots that the server's own tests hold them to.
const SCRIPT = snapshot(
  "script/snapshots/crumb_wire__script__tests__a_click_pixel_says_the_request_id_on_a_line_of_its_own_and_fills_the_form",
);
const CODE = snapshot("snapshots/crumb_wire__generate__tests__pixel");
// The head's script alone: d.js, too, fills what is empty.
const HEAD = snapshot("snapshots/crumb_wire__generate__tests__head").replace(/<script src=[^>]*><\/script>/g, "");
const CODES_TRACKER = "http://127.0.0.1:8080";
const ID = "9007199254740991";
// What the tracker answers where the browser says that nobody sees the page yet.
const AHEAD = readFileSync(new URL("../../crates/wire/src/script/prerendered.js", import.meta.url), "utf8");

const FORM = `<input name="ckm_request_id" class="outside">
<form id="other_form"><input name="ckm_request_id" class="other"></form>
<form id="ckm_form" action="/own-server">
<input type="hidden" name="ckm_request_id" class="empty"><input name="ckm_request_id" class="second">
<input name="ckm_request_id" class="own" value="5"><input name="ckm_subid" class="field"></form>`;
const FILLED = { outside: "", other: "", empty: ID, second: ID, own: "5", field: "" };

const shared = browserAndServers();

/** @param {string} path */
function snapshot(path) {
  const text = readFileSync(new URL(`../../crates/wire/src/${path}.snap`, import.meta.url), "utf8").split("\n---\n")[1];
  if (!text) throw new Error(`${path} is no snapshot`);
  return text;
}

/** @param {import("playwright-core").Page} page */
const globalOf = (page) => page.evaluate(() => /** @type {any} */ (window).ckm_request_id);

/** @param {import("playwright-core").Page} page */
const values = (page) =>
  page.$$eval("input", (inputs) => Object.fromEntries(inputs.map((input) => [input.className, input.value])));

/**
 * Opens a page whose pixel stands where the test says.
 * @param {string} name
 * @param {(pixel: string) => string} html
 * @param {(page: import("playwright-core").Page) => Promise<void>} body
 * @param {{ query?: string, script?: string, other?: string, status?: number }} [how] the page's own query,
 *   and what the tracker answers: the code, and a script of the page
 */
function scenario(name, html, body, { query = "", script = SCRIPT, other = script, status } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const { tracker, origin, publish } = shared.servers;
    tracker.reset();
    tracker.answer("pixel", () => ({ script: other }));
    tracker.answer("", () => (status ? { status } : { script }));
    publish("/landing", html(`<script src="${tracker.origin}/pixel"></script>`));
    const opened = await openPage(shared.browser);
    try {
      await opened.page.goto(`${origin}/landing${query}`);
      await body(opened.page);
      assert.deepEqual(opened.failures, [], "scripts of the page failed");
    } finally {
      await opened.context.close();
    }
  });
}

describe("the click pixel writes its request id into every empty input of that name in the form", () => {
  scenario(
    "when the document is ready, where it stands before the form",
    (pixel) => `<!doctype html><head>${pixel}</head><body>${FORM}</body>`,
    async (page) => assert.deepEqual(await values(page), FILLED),
  );

  scenario(
    "at once, where it stands after the form",
    (pixel) => `<!doctype html><body>${FORM}${pixel}<script>window.then = document.querySelector(".empty").value;</script></body>`,
    async (page) => {
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).then), ID);
      assert.deepEqual(await values(page), FILLED);
    },
  );

  scenario(
    "at once, where the page loads it later",
    () => `<!doctype html><body>${FORM}</body>`,
    async (page) => {
      await page.addScriptTag({ url: `${shared.servers.tracker.origin}/pixel` });
      assert.deepEqual(await values(page), FILLED);
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).ckm_request_id), Number(ID));
    },
  );

  scenario(
    "and does no harm on a page without a form",
    (pixel) => `<!doctype html><head>${pixel}</head><body><input name="ckm_request_id" class="outside"></body>`,
    async (page) => assert.deepEqual(await values(page), { outside: "" }),
  );
});

describe("the code that loads the click pixel", () => {
  const page = () => `<!doctype html><head>${CODE.replaceAll(CODES_TRACKER, shared.servers.tracker.origin)}</head><body>${FORM}</body>`;

  for (const query of ["?ckm_request_id=77", "?x=1&reqid=77&y=2", "?request_id=77", "?REQID=77"]) {
    scenario(
      `passes on the request id of the page's own address ${query}`,
      page,
      async (opened) => {
        assert.equal((await shared.servers.tracker.until("")).search, "a=12&c=1057&s1=organic&cp=js&ckm_request_id=77");
        assert.deepEqual(await values(opened), FILLED, "what the tracker answers counts");
      },
      { query },
    );
  }

  for (const query of ["", "?reqid=", "?reqid=7x", "?reqid=0", "?notreqid=77", "?reqid=12345678901234567"]) {
    scenario(
      `passes nothing on that is no request id ${query}`,
      page,
      async (opened) => {
        assert.equal((await shared.servers.tracker.until("")).search, "a=12&c=1057&s1=organic&cp=js");
        assert.deepEqual(await values(opened), FILLED);
      },
      { query },
    );
  }

  scenario(
    "keeps the address's own where the tracker has none",
    page,
    async (opened) => {
      await shared.servers.tracker.until("");
      assert.deepEqual(await values(opened), { ...FILLED, empty: "77", second: "77" });
      assert.equal(await opened.evaluate(() => /** @type {any} */ (window).ckm_request_id), 77);
    },
    { query: "?reqid=77", script: "var ckm_request_id = 0;\n// Offer Expired\n" },
  );
});

// An id of the page's own address that names no session of this offer, or none that lives:
// the tracker answers with another. One that does is answered as it is.
describe("the tracker's answer stands before the request id of the page's address", () => {
  const DEAD = "123456789012345";
  const code = () => CODE.replaceAll(CODES_TRACKER, shared.servers.tracker.origin);
  const REFUSED = "<script>document.write = function () {};</script>";
  /** @type {Record<string, (head: string) => string>} */
  const places = {
    "at the top of the body": (head) => `<!doctype html><head>${head}</head><body>${code()}${FORM}</body>`,
    "below the form": (head) => `<!doctype html><head>${head}</head><body>${FORM}${code()}<p>More</p></body>`,
    "at the top, where nothing may be written": (head) =>
      `<!doctype html><head>${head}${REFUSED}</head><body>${code()}${FORM}</body>`,
    "below the form, where nothing may be written": (head) =>
      `<!doctype html><head>${head}${REFUSED}</head><body>${FORM}${code()}</body>`,
    "put there later": (head) => `<!doctype html><head>${head}</head><body>${FORM}</body>`,
  };
  /** @param {import("playwright-core").Page} page @param {string} place */
  const come = async (page, place) => {
    if (place === "put there later") {
      await page.addScriptTag({ content: code().match(/<script>([^]*?)<\/script>/)?.[1] ?? "" });
    }
    const asked = await shared.servers.tracker.until("");
    assert.match(asked.search, new RegExp(`&ckm_request_id=${new URL(page.url()).searchParams.get("reqid")}$`));
  };

  for (const [place, html] of Object.entries(places)) {
    for (const head of ["", HEAD]) {
      const where = `${place}${head && ", with the head's script"}`;
      scenario(
        `which is dead: ${where}`,
        () => html(head),
        async (page) => {
          await come(page, place);
          await page.waitForFunction((id) => /** @type {any} */ (window).ckm_request_id === Number(id), ID);
          // An answer is told of by the event that follows it at once.
          await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
          assert.deepEqual(await values(page), FILLED);
          assert.equal(await globalOf(page), Number(ID));
        },
        { query: `?reqid=${DEAD}` },
      );
      scenario(
        `which lives, and stays: ${where}`,
        () => html(head),
        async (page) => {
          await come(page, place);
          await page.waitForFunction(() => /** @type {any} */ (window).ckm_request_id === 77);
          assert.deepEqual(await values(page), { ...FILLED, empty: "77", second: "77" });
          // The pixel of another offer does not take it over.
          await page.addScriptTag({ url: `${shared.servers.tracker.origin}/pixel` });
          assert.deepEqual(await values(page), { ...FILLED, empty: "77", second: "77" });
        },
        { query: "?reqid=77", script: SCRIPT.replaceAll(ID, "77"), other: SCRIPT },
      );
      scenario(
        `of which the tracker says nothing: ${where}`,
        () => html(head),
        async (page) => {
          await come(page, place);
          await page.waitForFunction(() => /** @type {any} */ (window).ckm_request_id === 77);
          assert.deepEqual(await values(page), { ...FILLED, empty: "77", second: "77" });
        },
        { query: "?reqid=77", script: "var ckm_request_id = 0;\n// Inactive Offer\n" },
      );
    }
  }

  scenario(
    "but what the page's own server put there stays, be it the address's",
    () => places["below the form"]?.(HEAD).replace('class="empty"', `class="empty" value="${DEAD}"`) ?? "",
    async (page) => {
      await come(page, "below the form");
      await page.waitForFunction((id) => /** @type {any} */ (window).ckm_request_id === Number(id), ID);
      assert.deepEqual(await values(page), { ...FILLED, empty: DEAD });
    },
    { query: `?reqid=${DEAD}` },
  );

  scenario(
    "and until it comes, a form that is sent has the address's",
    () => places["below the form"]?.(HEAD) ?? "",
    async (page) => {
      const held = shared.servers.tracker.hold("");
      await page.goto(`${page.url()}&again`, { waitUntil: "commit" });
      await shared.servers.tracker.until("", 2);
      assert.deepEqual(await values(page), { ...FILLED, empty: "77", second: "77" });
      assert.equal(typeof (await globalOf(page)), "undefined", "pages are told an answer, or that there is none");
      held[0]?.({ script: SCRIPT });
      await page.waitForLoadState();
      assert.deepEqual(await values(page), FILLED);
    },
    { query: "?reqid=77" },
  );

  scenario(
    "and where none can be had, the address's is the page's",
    () => places["below the form"]?.(HEAD) ?? "",
    async (page) => {
      await page.waitForFunction(() => /** @type {any} */ (window).ckm_request_id === 77);
      assert.deepEqual(await values(page), { ...FILLED, empty: "77", second: "77" });
    },
    { query: "?reqid=77", status: 503 },
  );
});

// As a browser makes a page ready that a person is likely to go to: its scripts run, and once
// it is shown, nothing is loaded again.
describe("on a page that is made ready ahead", () => {
  const code = () => CODE.replaceAll(CODES_TRACKER, shared.servers.tracker.origin);
  const tag = () => `<script src="${shared.servers.tracker.origin}/?a=12&c=1057&s1=organic&cp=js"></script>`;
  const PLAIN = "a=12&c=1057&s1=organic&cp=js";

  /**
   * Opens one, and shows it when the body says so.
   * @param {string} name
   * @param {() => string} pixel
   * @param {(page: import("playwright-core").Page, show: () => Promise<void>) => Promise<void>} body
   * @param {string} [query]
   */
  const ahead = (name, pixel, body, query = "") =>
    test(name, { timeout: 60_000 }, async () => {
      const { tracker, origin, publish } = shared.servers;
      tracker.reset();
      tracker.answer("", () => ({ script: AHEAD }));
      publish("/landing", `<!doctype html><body>${pixel()}${FORM}</body>`);
      const { page, context, failures } = await openPage(shared.browser);
      try {
        await page.addInitScript(() => {
          Object.defineProperty(document, "prerendering", { value: true, configurable: true });
        });
        await page.goto(`${origin}/landing${query}`);
        await body(page, () =>
          page.evaluate(() => {
            Object.defineProperty(document, "prerendering", { value: false });
            document.dispatchEvent(new Event("prerenderingchange"));
          }),
        );
        assert.deepEqual(failures, []);
      } finally {
        await context.close();
      }
    });

  ahead("a plain tag's pixel is loaded again once the page is shown", tag, async (page, show) => {
    const { tracker } = shared.servers;
    assert.deepEqual(await values(page), { ...FILLED, empty: "", second: "" });
    assert.equal(tracker.to("").length, 1);
    tracker.answer("", () => ({ script: SCRIPT }));
    await show();
    assert.equal((await tracker.until("", 2)).search, PLAIN);
    await page.waitForFunction((id) => /** @type {any} */ (window).ckm_request_id === Number(id), ID);
    assert.deepEqual(await values(page), FILLED);
  });

  ahead("but not for ever, were it always answered so", tag, async (page, show) => {
    const { tracker } = shared.servers;
    await show();
    await tracker.until("", 2);
    // As many more as a third would have come before.
    for (let n = 0; n < 5; n += 1) await page.addScriptTag({ url: `${tracker.origin}/js.ashx?${n}` });
    assert.equal(tracker.to("").length, 2);
  });

  ahead("who waits for the script hears of the answer", () => "", async (page, show) => {
    const { tracker } = shared.servers;
    await page.evaluate((address) => {
      const script = document.createElement("script");
      script.onload = () => {
        const heard = /** @type {any} */ (window);
        (heard.heard ??= []).push(heard.ckm_request_id ?? null);
      };
      script.src = address;
      document.head.append(script);
    }, `${tracker.origin}/?${PLAIN}`);
    await page.waitForFunction(() => /** @type {any} */ (window).heard);
    tracker.answer("", () => ({ script: SCRIPT }));
    await show();
    await page.waitForFunction(() => /** @type {any} */ (window).heard.length === 2);
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).heard), [null, Number(ID)]);
  });

  for (const query of ["", "?reqid=77"]) {
    ahead(
      `the code waits until the page is shown ${query}`,
      code,
      async (page, show) => {
        const { tracker } = shared.servers;
        const own = query && "77";
        assert.deepEqual(await values(page), { ...FILLED, empty: own, second: own });
        assert.equal(tracker.to("").length, 0);
        assert.equal(typeof (await globalOf(page)), "undefined");
        tracker.answer("", () => ({ script: SCRIPT }));
        await show();
        assert.equal((await tracker.until("")).search, query ? `${PLAIN}&ckm_request_id=77` : PLAIN);
        await page.waitForFunction((id) => /** @type {any} */ (window).ckm_request_id === Number(id), ID);
        assert.deepEqual(await values(page), FILLED);
        assert.equal(tracker.to("").length, 1);
      },
      query,
    );
  }
});
