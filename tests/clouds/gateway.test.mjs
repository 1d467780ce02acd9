// The Worker as `wrangler deploy` would upload it, with the settings of its wrangler.jsonc, on workerd. What a query does is
// `tests/integration/conformance`'s part; this is about the door: who gets in, and to which database.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";

const gateway = fileURLToPath(new URL("../../gateway", import.meta.url));
const TOKEN = "a-secret-of-this-test";
const home = mkdtempSync(join(tmpdir(), "liteflare-gateway-"));
process.env.TMPDIR = home; // miniflare keeps its databases in a folder of its own below
let open, unset;

before(async () => {
  const wrangler = ["wrangler", "deploy", "--dry-run", "--outdir", home];
  execFileSync("npx", ["--no-install", ...wrangler], { cwd: gateway, stdio: "pipe", env: { ...process.env, WRANGLER_SEND_METRICS: "false" } });
  const config = JSON.parse(readFileSync(join(gateway, "wrangler.jsonc"), "utf8").replace(/^\s*\/\/.*$/gm, ""));
  const worker = (bindings) =>
    new Miniflare({
      modules: true,
      script: readFileSync(join(home, "index.js"), "utf8"),
      compatibilityDate: config.compatibility_date,
      d1Databases: Object.fromEntries(config.d1_databases.map(({ binding }) => [binding, binding])),
      bindings: { ...config.vars, ...bindings },
      log: undefined,
    });
  open = worker({ TOKEN });
  unset = worker({});
});

after(async () => {
  await Promise.all([open?.dispose(), unset?.dispose()]);
  rmSync(home, { recursive: true, force: true });
});

async function ask(worker, path, { token = TOKEN, body, headers = {}, ...options } = {}) {
  const address = `http://gateway/client/v4/accounts/any/d1/database${path}`;
  const authorization = token === null ? {} : { Authorization: token.includes(" ") ? token : `Bearer ${token}` };
  const method = body === undefined ? "GET" : "POST";
  const answer = await worker.dispatchFetch(address, { method, body, headers: { ...authorization, ...headers }, ...options });
  const text = await answer.text();
  assert.ok(!text.includes(TOKEN), "a secret was shown");
  const { success, errors, messages, result } = JSON.parse(text);
  assert.deepEqual([success, messages], [answer.ok, []], "the envelope of Cloudflare's API");
  return { status: answer.status, code: errors[0]?.code, message: errors[0]?.message, result };
}

const one = JSON.stringify({ sql: "SELECT 1 AS one" });

test("the database answers to the name in wrangler.jsonc, in the shape of the REST API", async () => {
  const { status, result } = await ask(open, "/liteflare/raw", { body: one });
  assert.equal(status, 200);
  assert.deepEqual(result[0].results, { columns: ["one"], rows: [[1]] });
  assert.equal(result[0].success, true);
  assert.deepEqual((await ask(open, "/liteflare/query", { body: one })).result[0].results, [{ one: 1 }]);
  const found = (await ask(open, "?name=liteflare")).result;
  assert.deepEqual(found, [(await ask(open, "/liteflare")).result]);
  assert.equal(found[0].uuid, "liteflare");
});

test("no other name leads anywhere, not even the binding's", async () => {
  for (const name of ["DB", "other", "TOKEN", "DATABASES", "__proto__", "constructor", "%ff"]) {
    const { status } = await ask(open, `/${name}/raw`, { body: one });
    assert.ok([400, 404].includes(status), `${name}: ${status}`);
  }
  assert.deepEqual((await ask(open, "?name=DB")).result, []);
});

test("only the token opens it", async () => {
  const refused = async (token) => (await ask(open, "/liteflare/raw", { token, body: one })).status;
  assert.equal(await refused(null), 401);
  assert.equal(await refused("Basic abc"), 401);
  for (const token of ["wrong", TOKEN.slice(0, -1), `${TOKEN}x`, TOKEN.toUpperCase()]) assert.equal(await refused(token), 403, token);
  assert.equal(await refused(`bearer ${TOKEN}`), 200, "the scheme's case does not matter");
});

test("without its secret it serves nobody, and says what to do", async () => {
  for (const token of [null, "", "undefined", "anything"]) {
    const { status, message } = await ask(unset, "/liteflare/raw", { token, body: one });
    assert.equal(status, 500);
    assert.match(message, /wrangler secret put TOKEN/);
  }
});

test("a body that is too large is refused, announced or not", async () => {
  const large = JSON.stringify({ sql: "SELECT 1", padding: "x".repeat(16 << 20) });
  assert.equal((await ask(open, "/liteflare/raw", { body: large })).status, 413);
  const chunks = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 17; i++) controller.enqueue(new Uint8Array(1 << 20));
      controller.close();
    },
  });
  assert.equal((await ask(open, "/liteflare/raw", { body: chunks, duplex: "half" })).status, 413);
});

test("a request of the size that liteflare sends at most passes", async () => {
  const batch = Array.from({ length: 4 }, () => ({ sql: "SELECT length(?1)", params: ["x".repeat(1_000_000)] }));
  const { status, result } = await ask(open, "/liteflare/raw", { body: JSON.stringify({ batch }) });
  assert.equal(status, 200);
  assert.deepEqual(result.map(({ results }) => results.rows), Array(4).fill([[1_000_000]]));
});

test("bodies that are no query are told apart from failures", async () => {
  for (const body of ["", "{", "[]", "null", '{"sql": 1}', '{"batch": []}', '{"sql": "SELECT 1", "params": [1]}']) {
    const { status, code, message } = await ask(open, "/liteflare/raw", { body });
    assert.deepEqual([status, code], [400, 7400], body);
    assert.match(message, /malformed/);
  }
});
