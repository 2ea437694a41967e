// @ts-check
// What the demo's pages say is so: with the cookie, without it, with a wrong request id,
// on another site, and shown a second time.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { demo, scenario } from "./with-demo.mjs";

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
