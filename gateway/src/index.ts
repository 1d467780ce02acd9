// D1's query API, served over this Worker's D1 bindings.
// In: the requests `api.cloudflare.com/client/v4/accounts/{account}/d1/database…` would take. Out: the same envelope.
// It refuses to know SQL: statements go to the binding as they came, and what D1 says goes back as it was said.
//
// Why it exists: the REST API has a limit of 4 requests a second for a whole account; a Worker has none, and stands next to D1.
import { answer, Refusal, refuse } from "./envelope";
import { find, list, type Env } from "./databases";
import { readStatements } from "./statements";
import { queryFormat, run } from "./run";
import { authorize } from "./token";

const ROUTE = /^\/client\/v4\/accounts\/[^/]+\/d1\/database(?:\/([^/]+)(?:\/(raw|query))?)?$/;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    try {
      await authorize(request, env.TOKEN);
      return answer(await route(request, env));
    } catch (error) {
      return refuse(error);
    }
  },
} satisfies ExportedHandler<Env>;

async function route(request: Request, env: Env): Promise<unknown> {
  const url = new URL(request.url);
  const match = ROUTE.exec(url.pathname);
  if (match === null) throw new Refusal(404, 7003, `No route for ${url.pathname}`);
  const [, id, endpoint] = match;
  if (id === undefined && request.method === "GET") return list(env, url.searchParams.get("name"));
  if (id === undefined) throw new Refusal(405, 10405, "This gateway serves the databases bound to it; it creates none");
  const database = find(env, decode(id));
  if (endpoint === undefined && request.method === "GET") return database.info;
  if (endpoint === undefined || request.method !== "POST") {
    throw new Refusal(405, 10405, `Method ${request.method} not allowed here`);
  }
  return run(database.binding, await readStatements(request), queryFormat(endpoint));
}

function decode(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    throw new Refusal(400, 7400, `The request is malformed: ${id} in the path`);
  }
}
