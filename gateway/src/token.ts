// Who may use this gateway: whoever knows the secret TOKEN.
import { Refusal } from "./envelope";

export async function authorize(request: Request, token: string | undefined): Promise<void> {
  if (!token) throw new Refusal(500, 10000, "The secret TOKEN is not set: run `npx wrangler secret put TOKEN`");
  const given = /^Bearer +(.+)$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
  if (given === undefined) throw new Refusal(401, 10000, "Authentication error");
  if (!(await same(given, token))) throw new Refusal(403, 10000, "Authentication error");
}

// Digests have one length, and comparing them takes the same time wherever they differ.
async function same(given: string, expected: string): Promise<boolean> {
  const [a, b] = await Promise.all([digest(given), digest(expected)]);
  return crypto.subtle.timingSafeEqual(a, b);
}

function digest(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
