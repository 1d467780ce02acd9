// The envelope every answer of Cloudflare's API comes in.

/** A request that was not carried out: nothing was changed. `code` and `message` as Cloudflare's API gives them. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export function answer(result: unknown): Response {
  return Response.json({ success: true, errors: [], messages: [], result });
}

/** Whatever is not a `Refusal` may or may not have happened: status 500, so that the client settles it. */
export function refuse(error: unknown): Response {
  const { status, code, message } = error instanceof Refusal ? error : { status: 500, code: 7500, message: String(error) };
  const headers = status === 401 ? { "WWW-Authenticate": "Bearer" } : undefined;
  const body = { success: false, errors: [{ code, message }], messages: [], result: [] };
  return Response.json(body, { status, ...(headers && { headers }) });
}
