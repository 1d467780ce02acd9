// Real D1 for the tests: the gateway Worker on workerd, with a pool of empty databases.
// Prints `export NAME=value` for every setting a client needs, then `ready`. Ends on SIGTERM, SIGINT or when its standard input
// closes, so that it never outlives the tests that started it, and leaves nothing behind.
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const POOL = 200; // databases of one workerd: bindings are fixed when it starts, and each takes a megabyte of it
const here = fileURLToPath(new URL(".", import.meta.url));

const home = mkdtempSync(join(tmpdir(), "liteflare-workerd-"));
process.env.TMPDIR = home; // miniflare keeps its databases in a folder of its own below; all of it goes with `home`
process.on("exit", () => rmSync(home, { recursive: true, force: true }));

const token = randomUUID();
const script = await gateway();
const clouds = [];
let unused = []; // { uuid, api }
let growing;
const control = createServer(handOut);

let ending;
const end = () => (ending ??= finish());
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, end);
process.stdin.on("end", end).on("close", end).on("error", end).resume();

await announce();

async function announce() {
  const { uuid, api } = await database();
  await new Promise((listening) => control.listen(0, "127.0.0.1", listening));
  const settings = {
    LITEFLARE_D1_API: api,
    CLOUDFLARE_ACCOUNT_ID: randomBytes(16).toString("hex"),
    CLOUDFLARE_API_TOKEN: token,
    LITEFLARE_D1_DATABASE: uuid,
    LITEFLARE_TEST_WORKERD_API: api, // these three are what `tests/common` looks for
    LITEFLARE_TEST_WORKERD_TOKEN: token,
    LITEFLARE_TEST_CONTROL: `http://127.0.0.1:${control.address().port}`,
  };
  for (const [name, value] of Object.entries(settings)) console.log(`export ${name}=${value}`);
  console.log("ready");
}

async function gateway() {
  const entryPoints = [join(here, "../../gateway/src/index.ts")];
  const { outputFiles } = await build({ entryPoints, bundle: true, format: "esm", write: false });
  return outputFiles[0].text;
}

/** A database nobody has seen yet. */
async function database() {
  while (unused.length === 0) await (growing ??= grow().finally(() => (growing = undefined)));
  return unused.shift();
}

async function grow() {
  const names = Array.from({ length: POOL }, (_, i) => `db${clouds.length * POOL + i}`);
  const cloud = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    modules: true,
    script,
    compatibilityDate: "2026-07-01",
    bindings: { TOKEN: token },
    d1Databases: Object.fromEntries(names.map((name) => [name, name])),
  });
  clouds.push(cloud);
  const api = new URL("/client/v4", await cloud.ready).href;
  unused = names.map((uuid) => ({ uuid, api }));
}

async function handOut(request, response) {
  const known = request.method === "POST" && request.url === "/create";
  const answer = known ? await database() : { error: "only POST /create" };
  response.writeHead(known ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
}

async function finish() {
  control.close();
  control.closeAllConnections();
  await Promise.allSettled(clouds.map((cloud) => cloud.dispose()));
  process.exit(0);
}
