// @ts-check
// Visitors of the demo, with cookies and without.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openContext, startProfile, watchPage } from "./browser.mjs";

/**
 * @typedef {Awaited<ReturnType<ReturnType<typeof visitorsOf>["come"]>>} Visitor
 * @typedef {{ zip_code?: string, stays?: boolean, frame?: import("playwright-core").Frame }} Sending
 */

/**
 * @param {import("playwright-core").Browser} browser
 * @param {{ otherSite: string }} demo
 */
export function visitorsOf(browser, demo) {
  const refusing = startOnce(async () => {
    // A profile whose owner refuses all cookies: the only way to have Chromium do so.
    const profile = await mkdtemp(join(tmpdir(), "crumb-profile-"));
    await mkdir(join(profile, "Default"));
    const settings = { profile: { default_content_setting_values: { cookies: 2 } } };
    await writeFile(join(profile, "Default", "Preferences"), JSON.stringify(settings));
    return { context: await startProfile(profile), profile };
  });
  const framing = startOnce(startFramingSite);

  return { come, leave };

  /** @param {{ cookies: boolean }} options */
  async function come({ cookies }) {
    const context = cookies ? await openContext(browser) : (await refusing.get()).context;
    const page = await context.newPage();
    const { failures, nextDialog } = watchPage(page);
    /** @type {Promise<string> | undefined} */
    let dialog;
    return {
      page,
      failures,
      /** Another page of the same visitor. */
      another: async () => ({ page: await context.newPage() }),
      /** @param {string} url */
      open: (url) => page.goto(url, { waitUntil: "load" }),
      /** Opens an address in a frame of a page on another site. @param {string} url */
      openInFrame: async (url) => {
        await page.goto((await framing.get()).frame(url), { waitUntil: "load" });
        const frame = page.frames().find((other) => other !== page.mainFrame());
        if (!frame) throw new Error("the page has no frame");
        await frame.waitForSelector("#send");
        return frame;
      },
      /** What the form has as request id, once it has one. */
      requestId: async () => {
        const input = "#ckm_form [name=ckm_request_id]";
        const value = await page.waitForFunction((selector) => {
          return /** @type {HTMLInputElement | null} */ (document.querySelector(selector))?.value;
        }, input);
        return String(await value.jsonValue());
      },
      /**
       * Presses the button, and waits for the page after it, unless the visitor stays.
       * Gives the e-mail of the form.
       * @param {Sending} [sending]
       */
      send: async ({ zip_code, stays = false, frame = page.mainFrame() } = {}) => {
        if (zip_code) await frame.fill("[name=zip_code]", zip_code);
        const email = await frame.inputValue("[name=email_address]");
        dialog = nextDialog().catch(() => "");
        await frame.click("#send");
        if (!stays) await frame.waitForURL(/\/(thanks|leads\/\d+)$/);
        return email;
      },
      dialog: () => dialog ?? Promise.reject(new Error("nothing was sent")),
      go: () => (cookies ? context.close() : page.close()),
    };
  }

  async function leave() {
    const refused = await refusing.started();
    await refused?.context.close();
    if (refused) await rm(refused.profile, { recursive: true, force: true });
    (await framing.started())?.stop();
  }
}

/** A page on a site of its own that shows another in a frame. */
async function startFramingSite() {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost").searchParams.get("of") ?? "";
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<!DOCTYPE html><title>Portal</title><iframe src="${url.replace(/&/g, "&amp;")}" width="900" height="900"></iframe>`);
  });
  await new Promise((resolve) => server.listen(0, "localhost", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    frame: (/** @type {string} */ url) => `http://localhost:${address.port}/?of=${encodeURIComponent(url)}`,
    stop: () => server.close(),
  };
}

/**
 * @template T
 * @param {() => Promise<T>} start
 */
function startOnce(start) {
  /** @type {Promise<T> | undefined} */
  let started;
  return { get: () => (started ??= start()), started: async () => started };
}
