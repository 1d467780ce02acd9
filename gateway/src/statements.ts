// The body of a query: one statement or a batch, checked before anything reaches D1.
import { Refusal } from "./envelope";

export interface Statement {
  sql: string;
  /** D1's API types them as strings; a bound number would arrive as REAL. */
  params: string[];
}

// liteflare's largest request has 4 MB (`REQUEST_BYTES`), the REST API's largest statement 2 MB. A Worker has 128 MB of memory for
// all requests it serves at once, and holds a body several times over.
const BODY_BYTES = 16 << 20;

export async function readStatements(request: Request): Promise<Statement[]> {
  const body = await readJson(request);
  if (!isRecord(body)) throw malformed("the body must be an object");
  if (body["batch"] === undefined) return [statement(body, "")];
  if (!Array.isArray(body["batch"])) throw malformed("`batch` must be an array");
  if (body["batch"].length === 0) throw malformed("`batch` is empty");
  return body["batch"].map((entry: unknown, i) => statement(entry, `batch[${i}].`));
}

async function readJson(request: Request): Promise<unknown> {
  const text = await readText(request);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`the body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

// A body without a length, or with a wrong one, is counted as it comes.
async function readText(request: Request): Promise<string> {
  if (Number(request.headers.get("Content-Length")) > BODY_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return new Blob(chunks).text();
}

function statement(entry: unknown, at: string): Statement {
  if (!isRecord(entry) || typeof entry["sql"] !== "string") throw malformed(`\`${at}sql\` must be a string`);
  const params: unknown = entry["params"] ?? [];
  if (!Array.isArray(params) || !params.every((param) => typeof param === "string")) {
    throw malformed(`\`${at}params\` must be an array of strings`);
  }
  return { sql: entry["sql"], params };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tooLarge(): Refusal {
  return new Refusal(413, 7413, `The request is larger than ${BODY_BYTES} bytes, the most this gateway takes: split it`);
}

function malformed(reason: string): Refusal {
  return new Refusal(400, 7400, `The request is malformed: ${reason}`);
}
