// Which D1 binding an identifier in a URL stands for.
import { Refusal } from "./envelope";

export interface Env {
  /** Secret. */
  TOKEN?: string;
  /** Identifier (name or UUID) to binding name. Without it every D1 binding answers to its own name. */
  DATABASES?: Record<string, string>;
  [binding: string]: unknown;
}

interface Info {
  uuid: string;
  name: string;
  version: string;
}

export interface Database {
  binding: D1Database;
  info: Info;
}

export function find(env: Env, id: string): Database {
  const name = env.DATABASES === undefined ? id : own(env.DATABASES, id);
  const binding = typeof name === "string" ? own(env, name) : undefined;
  if (!isDatabase(binding)) throw new Refusal(404, 7404, `The database ${id} could not be found`);
  return { binding, info: info(id) };
}

export function list(env: Env, name: string | null): Info[] {
  const ids = env.DATABASES === undefined ? Object.keys(env).filter((key) => isDatabase(env[key])) : Object.keys(env.DATABASES);
  return ids.filter((id) => name === null || id === name).map(info);
}

// The UUID of a binding's database is not shown to the Worker, so its identifier stands for it.
function info(id: string): Info {
  return { uuid: id, name: id, version: "production" };
}

// `constructor` and the like are no databases.
function own(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isDatabase(value: unknown): value is D1Database {
  const candidate = value as Partial<D1Database> | null | undefined;
  return typeof candidate === "object" && typeof candidate?.prepare === "function" && typeof candidate.batch === "function";
}
