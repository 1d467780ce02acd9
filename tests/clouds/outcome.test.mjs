// Each error of the D1 binding that `docs/D1.md` lists, and whether the gateway says that nothing was applied.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = fileURLToPath(new URL("../../gateway/src/outcome.ts", import.meta.url));
const { outputFiles } = await build({ entryPoints: [source], bundle: true, format: "esm", write: false });
const { refusal } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`);

const NOT_APPLIED = [
  "D1_ERROR: UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)",
  "D1_ERROR: no such table: t: SQLITE_ERROR",
  "D1_ERROR: statement too long: SQLITE_TOOBIG",
  "D1_ERROR: The prepared SQL statement must contain only one statement",
  "D1_ERROR: Currently processing a long-running export.",
  "D1_ERROR: Currently processing a long-running import.",
  "D1_ERROR: Your account has exceeded D1's free tier daily row write limit",
  "D1_ERROR: Your account has exceeded D1's free tier daily row read limit",
  "D1_ERROR: Exceeded maximum DB size",
  "D1_ERROR: Your account has reached D1's maximum account storage limit",
  "Too many API requests by single Worker invocation.",
  "Too many subrequests.",
];
const UNKNOWN = [
  "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
  "D1_ERROR: D1 DB exceeded its CPU time limit and was reset.",
  "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
  "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
  "D1_ERROR: Network connection lost.",
  "D1_ERROR: internal error; reference = abcdefgh",
  "D1_ERROR: D1 DB reset because its code was updated.",
  "D1_ERROR: Internal error while starting up D1 DB storage caused object to be reset.",
  "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
  "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
  "D1_ERROR: Can't read from request stream because client disconnected.",
  "D1_ERROR: Replica disconnected from primary.",
  "D1_ERROR: Upstream service unavailable.",
  "D1_ERROR: disk I/O error: SQLITE_IOERR",
  "words that nobody has heard",
];

test("only what D1 has certainly not applied is a refusal", () => {
  for (const message of NOT_APPLIED) assert.equal(refusal(new Error(message))?.status, 400, message);
  for (const message of UNKNOWN) assert.equal(refusal(new Error(message)), undefined, message);
});
