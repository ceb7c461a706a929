/** A call of the public API in one line, for tests: nothing of our own client is in it. */

import { ENGINEER_TOKEN } from "../world/settings.ts";
import { parseExact, printExact } from "./exact-json.ts";
import type { Workspace } from "./port.ts";

export type ApiAnswer = {
  readonly status: number;
  // Of any shape: tests compare it with what they expect.
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
};
export const UC = "/api/2.1/unity-catalog";

export type Ask = (call: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<ApiAnswer>;

/** `ask("GET /api/…")`. The body is written as JSON, with exact integers. */
export function askOf(workspace: Workspace, token = ENGINEER_TOKEN): Ask {
  return async (call, body, headers = {}) => {
    const [method = "GET", path = "/"] = call.split(" ");
    const answer = await fetch(workspace.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, "user-agent": "test/1.0", ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : printExact(body) }),
    });
    const text = await answer.text();
    const json = answer.headers.get("content-type") === "application/json";
    return {
      status: answer.status,
      body: (json ? parseExact(text) : { text }) as Readonly<Record<string, unknown>>,
      headers: answer.headers,
    };
  };
}
