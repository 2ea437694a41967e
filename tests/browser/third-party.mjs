// @ts-check
// A tracker behind https, as browsers want it for cookies on other sites, an advertiser's
// pages on another site than it, and an affiliate's server that its pixels call.

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apiOf, runCrumb, startTracker } from "./posting-doc.mjs";

const NETWORK = fileURLToPath(new URL("../../crates/testkit/src/small.toml", import.meta.url));

/** How long a test waits for a request that should come. */
const PATIENCE_MS = 10_000;

/** Starts all three. */
export async function startShop() {
  const directory = await mkdtemp(join(tmpdir(), "crumb-third-party-"));
  const site = await startSite();
  const affiliate = await startSite();
  const network = join(directory, "network.toml");
  await writeFile(network, (await readFile(NETWORK, "utf8")) + shop(site.origin, affiliate.origin));
  const tracker = await startTracker(directory, network);
  const proxy = await startProxy(directory, tracker.tracking);
  const key = await runCrumb(directory, ["key", "create", "--role", "admin", "--name", "test"]);
  const api = apiOf(tracker.admin, key);
  return {
    site,
    affiliate,
    /** The tracker over plain http. */
    tracking: tracker.tracking,
    /** And over https. */
    secure: proxy.origin,
    api,
    /** The newest line of the pixel log that is about a transaction. @param {string} transaction */
    logged: async (transaction) => {
      const { data } = await api("/pixels?limit=100");
      return data.find((/** @type {any} */ line) => line.transaction_id === transaction);
    },
    stop: async () => {
      proxy.close();
      site.close();
      affiliate.close();
      await tracker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * The shop's offer, with an ordinary affiliate and one whose pixel wants more than it may.
 * @param {string} site
 * @param {string} affiliate
 */
function shop(site, affiliate) {
  const pixel = `<img src='${affiliate}/pixel.gif?order=#tid#&paid=#price#&session=#reqid#' alt=''>`;
  const hostile = `<script src='${affiliate}/hostile.js'></script>`;
  return `
[[offer]]
id = 400
name = "Shop"
vertical = 1
advertiser = 1
type = "third_party"
link = "${site}/landing?reqid=#reqid#"
payout = "10.00"
received = "25.00"

[[offer.creative]]
id = 4001
name = "Link"

[[campaign]]
id = 60
affiliate = 12
offer = 400
payout = "12.00"
pixel_html = "${pixel}"

[[campaign]]
id = 61
affiliate = 13
offer = 400
pixel_html = "${hostile}"
`;
}

/**
 * A server whose pages a test publishes, and which keeps what it was asked.
 *
 * @typedef {{ path: string, query: URLSearchParams, headers: import("node:http").IncomingHttpHeaders }} Asked
 */
async function startSite() {
  /** @type {Map<string, { type: string, text: string }>} */
  const pages = new Map();
  /** @type {Asked[]} */
  const asked = [];
  /** @type {Set<() => void>} */
  const waiting = new Set();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    asked.push({ path: url.pathname, query: url.searchParams, headers: request.headers });
    for (const wake of waiting) wake();
    waiting.clear();
    const page = pages.get(url.pathname);
    response.setHeader("content-type", page?.type ?? "text/plain");
    response.end(page?.text ?? "");
  });
  await new Promise((resolve) => server.listen(0, "localhost", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const publish = (/** @type {string} */ path, /** @type {string} */ text, type = "text/html; charset=utf-8") =>
    void pages.set(path, { type, text });
  return {
    // Another site than the tracker's 127.0.0.1.
    origin: `http://localhost:${port}`,
    publish,
    asked,
    /** Waits until somebody asks so, or gives what did already. @param {(one: Asked) => boolean} matches */
    until: async (matches) => {
      const deadline = AbortSignal.timeout(PATIENCE_MS);
      for (;;) {
        const found = asked.find(matches);
        if (found) return found;
        if (deadline.aborted) throw new Error(`nobody asked so; but for ${asked.map((one) => one.path).join(" ")}`);
        await new Promise((resolve) => {
          waiting.add(() => resolve(undefined));
          deadline.addEventListener("abort", resolve, { once: true });
        });
      }
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * A proxy that ends https, with a certificate of its own.
 * @param {string} directory
 * @param {string} tracking
 */
async function startProxy(directory, tracking) {
  const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", key, "-out", cert];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...subject, ...files], { stdio: "ignore" });
  const options = { key: await readFile(key), cert: await readFile(cert) };
  const server = createTlsServer(options, (request, response) => {
    const headers = { ...request.headers, "x-forwarded-proto": "https", "x-forwarded-for": "127.0.0.1" };
    const onward = httpRequest(`${tracking}${request.url}`, { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    origin: `https://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
