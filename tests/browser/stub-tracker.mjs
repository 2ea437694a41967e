// @ts-check
// The two servers that the form library stands between: the landing page's and the
// tracker's. The tracker is a stub of the protocol, so that the script is tested by
// itself: every answer is the test's to give, and may be held back.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const here = (/** @type {string} */ path) => new URL(path, import.meta.url);

const SCRIPTS = here("../../crates/wire/src/script/mod.rs");
const FRAME_PAGE = here(
  "../../crates/wire/src/answer/snapshots/" +
    "crumb_wire__answer__tests__the_page_for_a_frame_calls_its_parent_and_posts_a_message_besides.snap",
);
const FRAME_RESULT = '{"success":true,"nextPage":"https://x.example/ty?a=1&b=2"}';
const CALLBACK = /^[A-Za-z_$][A-Za-z0-9_$.]{0,127}$/;

/**
 * @typedef {object} Seen
 * @property {string} method
 * @property {string} path
 * @property {string} search the query string as sent, without the question mark
 * @property {URLSearchParams} query
 * @property {URLSearchParams} body
 * @property {(name: string) => string | null} get a parameter of the query or the body
 *
 * @typedef {object} Reply
 * @property {unknown} [data] what the callback or the frame's page is given
 * @property {number} [status] an answer that is none, with this status
 * @property {string} [script] a script as it is
 * @property {string} [page] a page as it is
 */

/** Starts both servers. */
export async function startServers() {
  const tracker = new Tracker();
  const pages = new Map();
  const landing = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const posted = await read(request);
    tracker.landing.push({ method: request.method ?? "", path: url.pathname, posted });
    // The tracker under the page's own origin, as behind a shared proxy.
    if (/\.(ashx|js)$/.test(url.pathname) && !pages.has(url.pathname)) {
      tracker.serve(request, response, url, posted);
      return;
    }
    response.setHeader("Content-Type", url.pathname.endsWith(".js") ? "text/javascript" : "text/html; charset=utf-8");
    response.end(pages.get(url.pathname) ?? "<!DOCTYPE html><title>Elsewhere</title>Elsewhere");
  });
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    tracker.serve(request, response, url, await read(request));
  });
  const listen = (/** @type {import("node:http").Server} */ s) =>
    new Promise((resolve) => s.listen(0, "127.0.0.1", () => resolve(/** @type {any} */ (s.address()).port)));
  // Two names of one machine, so that the two are foreign to each other.
  tracker.origin = `http://127.0.0.1:${await listen(server)}`;
  const origin = `http://localhost:${await listen(landing)}`;
  for (const name of ["jquery.js"]) pages.set(`/${name}`, readFileSync(here(`node_modules/jquery/dist/${name}`)));
  return {
    tracker,
    /** The landing page's origin. */
    origin,
    /** Puts a page on the landing page's server. */
    publish: (/** @type {string} */ path, /** @type {string} */ html) => void pages.set(path, html),
    stop: () => {
      for (const s of [landing, server]) {
        s.close();
        s.closeAllConnections();
      }
    },
  };
}

/** d.js, joined of its rooms as the server joins them. */
function formLibrary() {
  const rooms = readFileSync(SCRIPTS, "utf8").matchAll(/include_str!\("(d\/[^"]+)"\)/g);
  return Array.from(rooms, ([, room]) => readFileSync(new URL(room, SCRIPTS), "utf8")).join("");
}

class Tracker {
  origin = "";
  /** @type {Seen[]} */
  seen = [];
  /** @type {{method: string, path: string, posted: string}[]} */
  landing = [];
  /** @type {Map<string, (seen: Seen) => Reply | Promise<Reply>>} */
  #answers = new Map();
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /** Forgets what was seen, and all answers but the plain ones. */
  reset() {
    this.seen = [];
    this.landing = [];
    this.#answers = new Map([
      ["d.js", () => ({ script: formLibrary() })],
      ["js.ashx", () => ({ script: "" })],
      ["v.ashx", () => ({ data: { success: true } })],
      ["get.ashx", () => ({ data: { success: true } })],
      ["t.ashx", () => ({ data: { success: true } })],
      ["d.ashx", () => ({ data: { success: true } })],
    ]);
  }

  /**
   * From now on, a path is answered so.
   * @param {string} path
   * @param {(seen: Seen) => Reply | Promise<Reply>} answer
   */
  answer(path, answer) {
    this.#answers.set(path, answer);
  }

  /**
   * From now on, a path's answers are held until they are released with their reply,
   * in any order.
   * @param {string} path
   */
  hold(path) {
    /** @type {((reply: Reply) => void)[]} */
    const held = [];
    this.answer(path, () => new Promise((resolve) => held.push(resolve)));
    return held;
  }

  /**
   * What came to a path.
   * @param {string} path
   */
  to(path) {
    return this.seen.filter((request) => request.path === path);
  }

  /**
   * Waits until a path has seen so many requests, and gives the last of them.
   * @param {string} path
   * @param {number} count
   */
  async until(path, count = 1) {
    while (this.to(path).length < count) {
      await new Promise((resolve) => this.#waiting.add(() => resolve(undefined)));
    }
    return this.to(path)[count - 1];
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   * @param {URL} url
   * @param {string} posted
   */
  async serve(request, response, url, posted) {
    const body = new URLSearchParams(posted);
    /** @type {Seen} */
    const seen = {
      method: request.method ?? "",
      path: url.pathname.slice(1),
      search: url.search.slice(1),
      query: url.searchParams,
      body,
      get: (name) => url.searchParams.get(name) ?? body.get(name),
    };
    const answer = this.#answers.get(seen.path);
    this.seen.push(seen);
    const reply = answer ? answer(seen) : { status: 404 };
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    send(response, seen, await reply);
  }
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {Seen} seen
 * @param {Reply} reply
 */
function send(response, seen, reply) {
  response.setHeader("Cache-Control", "no-store");
  if (reply.status) {
    response.statusCode = reply.status;
    // Without content, Chromium would show an error page of its own instead.
    response.end(`Status ${reply.status}`);
  } else if (reply.script !== undefined) {
    response.setHeader("Content-Type", "application/javascript; charset=utf-8");
    response.end(reply.script);
  } else if (reply.page !== undefined) {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(reply.page);
  } else if (seen.get("ckm_ifrm") === "1") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(framePage(JSON.stringify(reply.data)));
  } else {
    const callback = seen.get("callback") ?? "";
    response.statusCode = CALLBACK.test(callback) ? 200 : 400;
    response.setHeader("Content-Type", "application/javascript");
    response.setHeader("X-Content-Type-Options", "nosniff");
    response.end(`${callback}(${JSON.stringify(reply.data)});`);
  }
}

// The real page, from the snapshot that the server's own tests hold it to.
function framePage(/** @type {string} */ result) {
  const page = readFileSync(FRAME_PAGE, "utf8").split("\n---\n")[1];
  if (!page?.includes(FRAME_RESULT)) throw new Error("the frame's page has changed its example");
  return page.replace(FRAME_RESULT, () => result);
}

async function read(/** @type {import("node:http").IncomingMessage} */ request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}
