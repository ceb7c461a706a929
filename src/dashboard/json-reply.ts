/** Replies to the page as JSON. */
import type { HttpReply } from "../http/route.ts";
import type { WireProblem } from "./wire.ts";

const JSON_TYPE = "application/json; charset=utf-8";

export function jsonReply(value: unknown, status = 200): HttpReply {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

/** `hint`: what to type or do next. */
export function problemReply(status: number, message: string, hint: string | null = null): HttpReply {
  return jsonReply({ message, try: hint } satisfies WireProblem, status);
}
