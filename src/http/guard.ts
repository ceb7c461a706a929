/** Who may ask for what: the name under which we were asked, the page that asks, and the token. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isLoopback } from "../core/settings/address.ts";
import type { RequestHead } from "./head.ts";
import type { Refusal } from "./limits.ts";
import type { Access } from "./route.ts";

export type Guard = {
  /** Where we listen. */
  readonly host: string;
  /** Null: it is not there yet, and what needs it is refused. */
  readonly token: () => string | null;
  /** What to type to see the token. */
  readonly tokenHint: string;
};

export type Denial = {
  readonly status: 401 | 403 | 421 | 503;
  readonly why: Refusal;
  readonly message: string;
  readonly try: string | null;
};

/** A page of another site may make a browser ask us under its own name (DNS rebinding): it is not answered. */
export function deniesHost(guard: Guard, head: RequestHead): Denial | null {
  if (!isLoopback(guard.host) || isLocal(head.host)) return null;
  return { status: 421, why: "host", message: "the Host header names another host", try: null };
}

export function denies(guard: Guard, head: RequestHead, access: Access): Denial | null {
  if (access === "open") return null;
  if (!isOurOrigin(head)) {
    return { status: 403, why: "origin", message: "Pages of other sites may not ask this agent", try: null };
  }
  if (access === "read" && isLoopback(guard.host)) return null;
  const token = guard.token();
  if (token === null) {
    const message = "The agent has no token for its page yet: its data dir cannot be used now";
    return { status: 503, why: "token", message, try: "agent status" };
  }
  if (isToken(head.headers.get("authorization"), token)) return null;
  return { status: 401, why: "token", message: "This needs the token of the page", try: guard.tokenHint };
}

/** A browser says which page asks; other clients say nothing. */
function isOurOrigin({ headers, host }: RequestHead): boolean {
  const site = headers.get("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") return false;
  const origin = headers.get("origin");
  if (origin === undefined) return true;
  const named = /^https?:\/\/([^/]+)$/i.exec(origin)?.[1];
  return named !== undefined && host !== null && named.toLowerCase() === host.toLowerCase();
}

/** How long it takes says nothing of how much of it was right. */
function isToken(authorization: string | undefined, token: string): boolean {
  const sent = /^Bearer +(\S{1,512})$/i.exec(authorization ?? "")?.[1];
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(sent ?? ""), digest(token)) && sent !== undefined;
}

function isLocal(host: string | null): boolean {
  return host === null || isLoopback(host.replace(/:\d{1,5}$/, ""));
}
