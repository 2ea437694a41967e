// @ts-check
// The demo as its users start it, on free ports and with a data directory of its own.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = process.env.CRUMB ?? fileURLToPath(new URL("../../target/debug/crumb", import.meta.url));
const ANY_PORT = "127.0.0.1:0";
/** How long a start that should fail may take. */
const PATIENCE_MS = 20_000;

/**
 * Runs the program until it ends; for starts that fail.
 * @param {string[]} args
 */
export async function run(args) {
  // One that starts all the same is ended, or the tests would never end.
  const process = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"], timeout: PATIENCE_MS });
  let stderr = "";
  process.stderr.on("data", (chunk) => (stderr += chunk));
  const code = await new Promise((resolve) => process.on("close", resolve));
  return { code, stderr };
}

/**
 * Starts the demo and waits until it answers.
 * @param {{ data?: string, offsetSeconds?: number, listen?: Record<string, string> }} [options]
 */
export async function startDemo({ data, offsetSeconds = 0, listen = {} } = {}) {
  const directory = data ?? (await mkdtemp(join(tmpdir(), "crumb-demo-")));
  const flags = { listen: ANY_PORT, "admin-listen": ANY_PORT, "landing-listen": ANY_PORT, "buyers-listen": ANY_PORT, ...listen };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  const env = { ...process.env, CRUMB_CLOCK_OFFSET_SECONDS: String(offsetSeconds) };
  const child = spawn(PROGRAM, ["demo", "--data", directory, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  /** @type {Promise<number | null>} */
  const ended = new Promise((resolve) => child.on("close", resolve));
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const guide = await readGuide(child, ended, () => stderr);
  return { ...addresses(guide), guide, directory, stop, log: () => stderr, leave: () => rm(directory, { recursive: true, force: true }) };

  /** Stops it as Ctrl-C does; gives its exit code. */
  function stop() {
    child.kill("SIGINT");
    return ended;
  }
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {Promise<number | null>} ended
 * @param {() => string} stderr
 * @returns {Promise<string>}
 */
function readGuide(child, ended, stderr) {
  return new Promise((resolve, reject) => {
    let guide = "";
    child.stdout?.on("data", (chunk) => {
      guide += chunk;
      if (guide.includes("Ctrl-C stops it.")) resolve(guide);
    });
    child.on("error", reject);
    ended.then((code) => reject(new Error(`the demo ended with ${code}: ${stderr()}`)));
  });
}

/** @param {string} guide */
function addresses(guide) {
  const find = (/** @type {RegExp} */ pattern) => {
    const found = guide.match(pattern);
    if (!found) throw new Error(`no ${pattern} in:\n${guide}`);
    return found[1];
  };
  const landing = find(/(http:\S+)\/live\s/);
  const admin = find(/(http:\S+)\/api\/v1\/leads/);
  const key = find(/Bearer (\S+?)'/);
  /** @param {string} path */
  const api = async (path) => {
    const response = await fetch(`${admin}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    landing,
    // For a browser this is another site than the tracker's.
    otherSite: landing.replace("127.0.0.1", "localhost"),
    tracking: find(/(http:\S+)\/\?a=12/),
    posting: find(/(http:\S+\/doc\/\S+)/),
    admin,
    buyers: find(/The five buyers\s+(http:\S+)/),
    api,
    /** @param {string} email */
    leadsOf: async (email) => {
      const { data } = await api("/leads?limit=1000");
      return data.filter((/** @type {any} */ lead) => lead.fields.email_address === email);
    },
    /** @param {string} session */
    clicksOf: async (session) => (await api(`/clicks/${session}`)).clicks,
  };
}
