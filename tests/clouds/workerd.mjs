// Real D1 and R2 for the tests: the gateway Worker on workerd, with a pool of empty databases, and buckets behind its S3 API.
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
const BUCKETS = 50;
const here = fileURLToPath(new URL(".", import.meta.url));

const home = mkdtempSync(join(tmpdir(), "liteflare-workerd-"));
process.env.TMPDIR = home; // miniflare keeps its databases in a folder of its own below; all of it goes with `home`
process.on("exit", () => rmSync(home, { recursive: true, force: true }));

const token = randomUUID();
const script = await gateway();
const clouds = [];
const unused = { databases: [], buckets: [] }; // { uuid, api } and { endpoint, bucket, accessKeyId, secretAccessKey }
let growing;
const s3Credentials = { accessKeyId: randomBytes(16).toString("hex"), secretAccessKey: randomBytes(32).toString("hex") };
const control = createServer(handOut);

let ending;
const end = () => (ending ??= finish());
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, end);
process.stdin.on("end", end).on("close", end).on("error", end).resume();

await announce();

async function announce() {
  const { uuid, api } = await fresh("databases");
  const { endpoint, bucket } = await fresh("buckets");
  await new Promise((listening) => control.listen(0, "127.0.0.1", listening));
  const settings = {
    LITEFLARE_D1_API: api,
    CLOUDFLARE_ACCOUNT_ID: randomBytes(16).toString("hex"),
    CLOUDFLARE_API_TOKEN: token,
    LITEFLARE_D1_DATABASE: uuid,
    LITEFLARE_R2_ENDPOINT: endpoint,
    LITEFLARE_R2_BUCKET: bucket,
    R2_ACCESS_KEY_ID: s3Credentials.accessKeyId,
    R2_SECRET_ACCESS_KEY: s3Credentials.secretAccessKey,
    LITEFLARE_TEST_WORKERD_API: api, // these three are what `tests/integration/support` looks for
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

/** A database or a bucket nobody has seen yet. */
async function fresh(kind) {
  while (unused[kind].length === 0) await (growing ??= grow().finally(() => (growing = undefined)));
  return unused[kind].shift();
}

async function grow() {
  const names = (kind, count) => Array.from({ length: count }, (_, i) => `${kind}${clouds.length * count + i}`);
  const [databases, buckets] = [names("db", POOL), names("bucket", BUCKETS)];
  const cloud = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    modules: true,
    script,
    compatibilityDate: "2026-07-01",
    bindings: { TOKEN: token },
    d1Databases: Object.fromEntries(databases.map((name) => [name, name])),
    r2Buckets: Object.fromEntries(buckets.map((id) => [id, { id, s3Credentials }])),
  });
  clouds.push(cloud);
  const origin = await cloud.ready;
  const api = new URL("/client/v4", origin).href;
  const endpoint = new URL("/cdn-cgi/local/r2/s3", origin).href;
  unused.databases = databases.map((uuid) => ({ uuid, api }));
  unused.buckets = buckets.map((bucket) => ({ endpoint, bucket, ...s3Credentials }));
}

async function handOut(request, response) {
  const kind = request.method === "POST" && { "/create": "databases", "/create-bucket": "buckets" }[request.url];
  const answer = kind ? await fresh(kind) : { error: "only POST /create and POST /create-bucket" };
  response.writeHead(kind ? 200 : 404, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
}

async function finish() {
  control.close();
  control.closeAllConnections();
  await Promise.allSettled(clouds.map((cloud) => cloud.dispose()));
  process.exit(0);
}
