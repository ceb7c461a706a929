/** What a request to a path is. Beside its own path a source has those that clients of InfluxDB add to it. */
import { type HttpReply, refusal } from "./reply.ts";

/** `records`: of any format; `points`: line protocol; the others need no body. */
export type PathKind = "records" | "points" | "ping" | "query";

const INFLUX: Readonly<Record<string, PathKind>> = {
  "/write": "points",
  "/api/v2/write": "points",
  "/ping": "ping",
  "/query": "query",
};

/** Of a source at `own`; null: it has no such path. */
export function kindOfPath(path: string, own: string): { readonly kind: PathKind; readonly isOwn: boolean } | null {
  if (path === own) return { kind: own.endsWith("/write") ? "points" : "records", isOwn: true };
  const base = own.replace(/\/+$/, "");
  const kind = path.startsWith(base) ? INFLUX[path.slice(base.length)] : undefined;
  return kind === undefined ? null : { kind, isOwn: false };
}

const SERVER = { "x-influxdb-version": "1.8.10", "x-influxdb-build": "agent" };

/** What InfluxDB answers when points are kept, and to a ping. */
export const NO_CONTENT: HttpReply = { status: 204, headers: SERVER, body: "", error: null };

/** Telegraf asks for its database before it writes; there is none to make. */
export const NOTHING_TO_DO: HttpReply = {
  status: 200,
  headers: { ...SERVER, "content-type": "application/json" },
  body: '{"results":[{"statement_id":0}]}\n',
  error: null,
};

export function badPrecision(given: string): HttpReply {
  return refusal(400, `the precision is "${given.slice(0, 20)}": ns, us, ms or s was expected`);
}
