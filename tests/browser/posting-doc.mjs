// @ts-check
// A tracker, and the server of a partner who pastes what its posting documents show.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const PROGRAM = process.env.CRUMB ?? here("../../target/debug/crumb");
const NETWORK = here("../../crates/testkit/src/small.toml");
/** Where the session page's form posts to. */
const OWN_SERVER = "/your-own-server";

/** Starts both. */
export async function startPartner() {
  const directory = await mkdtemp(join(tmpdir(), "crumb-posting-doc-"));
  const site = await startSite();
  const network = join(directory, "network.toml");
  // The offers' pages are the partner's, and so is the page that visitors go on to.
  const text = (await readFile(NETWORK, "utf8")).replaceAll("https://lp.example", site.origin);
  await writeFile(network, text);
  const tracker = await startTracker(directory, network);
  const crumb = (/** @type {string[]} */ ...args) => runCrumb(directory, args);
  const key = await crumb("key", "create", "--role", "admin", "--name", "test");
  return {
    ...site,
    tracking: tracker.tracking,
    /** Runs a command of the program against the tracker. */
    crumb,
    api: apiOf(tracker.admin, key),
    stop: async () => {
      site.close();
      await tracker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * Runs a command of the program against the tracker of a directory.
 * @param {string} directory
 * @param {string[]} args
 */
export async function runCrumb(directory, args) {
  const { stdout } = await promisify(execFile)(PROGRAM, [...args, "--data", directory]);
  return stdout.trim();
}

/**
 * Reads the API.
 * @param {string} admin
 * @param {string} key
 */
export function apiOf(admin, key) {
  return async (/** @type {string} */ path) => {
    const response = await fetch(`${admin}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
}

/**
 * @param {string} directory
 * @param {string} network
 */
export async function startTracker(directory, network) {
  const ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const child = spawn(PROGRAM, ["serve", "--data", directory, "--network", network, ...ports], {
    // For tests that put a proxy before it; nobody else here sends what a proxy does.
    env: { ...process.env, CRUMB_LISTEN_TRUSTED_PROXIES: "127.0.0.0/8" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = new Promise((resolve) => child.on("close", resolve));
  let said = "";
  for await (const line of createInterface({ input: child.stderr })) {
    said += `${line}\n`;
    const event = JSON.parse(line);
    if (event.message !== "listening") continue;
    child.stderr.resume();
    const stop = () => {
      child.kill("SIGTERM");
      return ended;
    };
    return { tracking: `http://${event.tracking}`, admin: `http://${event.admin}`, stop };
  }
  throw new Error(`the tracker ended: ${said}`);
}

/** The partner's own server: its pages, and what its form posts. */
async function startSite() {
  let page = "";
  /** @type {URLSearchParams[]} */
  const posts = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === OWN_SERVER) posts.push(new URLSearchParams(body));
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(["/thanks", OWN_SERVER].includes(pathname) ? "<!doctype html><title>Thank you</title>" : page);
  });
  await new Promise((resolve) => server.listen(0, () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    // Of another site than the tracker, whose cookies are thus those of a third party.
    origin: `http://localhost:${port}`,
    /** The same server under the tracker's name, where its cookies are sent along. */
    sameSite: `http://127.0.0.1:${port}`,
    /** Puts a page there. @param {string} html */
    publish: (html) => void (page = html),
    /** What its form has posted. */
    posts,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
