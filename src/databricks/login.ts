/** Who we are to the workspace: a personal access token, or a service principal that fetches tokens for an hour each (OAuth M2M). */
import { type AgentError, DeniedError } from "../core/errors.ts";
import { readAnswer } from "./answer.ts";
import { type CallPurpose, CHECK, errorOf, type Heard, type Verdict } from "./failure.ts";
import { Token } from "./shapes/login.ts";
import type { Pace, Wire } from "./wire.ts";

export type Login =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "oauth"; readonly clientId: string; readonly clientSecret: string };

export interface Tokens {
  /** A token that is good for the next call. Any number may ask at once: one refresh serves them all. */
  get(pace: Pace): Promise<string>;
  /** This token was refused. True: the next `get` brings another. */
  drop(token: string): boolean;
  /** All that may never be printed. */
  secrets(): readonly string[];
}

type Exchange = (wire: Wire, asked: CallPurpose, pace: Pace) => Promise<{ verdict: Verdict; heard: Heard }>;

/** A new token is fetched when the old one is good for less than this: a call may take a minute. */
const EARLY_MS = 120_000;
/** Where the answer does not say how long a token is good. */
const USUAL_S = 3_600;
const ASKED: CallPurpose = { doing: "log in to Databricks as the service principal" };

export function openTokens(login: Login, origin: string, exchange: Exchange): Tokens {
  if (login.kind === "token") {
    return { get: async () => login.token, drop: () => false, secrets: () => [login.token] };
  }
  return new OAuthTokens(login, origin, exchange);
}

class OAuthTokens implements Tokens {
  readonly #login: Extract<Login, { kind: "oauth" }>;
  readonly #url: string;
  readonly #exchange: Exchange;
  #held: { readonly token: string; readonly untilMs: number } | null = null;
  #coming: Promise<string> | null = null;
  readonly #fetched: string[] = [];

  constructor(login: Extract<Login, { kind: "oauth" }>, origin: string, exchange: Exchange) {
    this.#login = login;
    this.#url = `${origin}/oidc/v1/token`;
    this.#exchange = exchange;
  }

  async get(pace: Pace): Promise<string> {
    if (this.#held !== null && pace.now() < this.#held.untilMs) return this.#held.token;
    this.#coming ??= this.#fetch(pace).finally(() => {
      this.#coming = null;
    });
    return this.#coming;
  }

  drop(token: string): boolean {
    if (this.#held?.token === token) this.#held = null;
    return true;
  }

  secrets(): readonly string[] {
    return [this.#login.clientSecret, basic(this.#login), ...this.#fetched];
  }

  async #fetch(pace: Pace): Promise<string> {
    const wire: Wire = {
      method: "POST",
      url: this.#url,
      headers: {
        authorization: `Basic ${basic(this.#login)}`,
        "content-type": "application/x-www-form-urlencoded",
        accept: "application/json",
      },
      body: "grant_type=client_credentials&scope=all-apis",
      again: "safe",
    };
    const { verdict, heard } = await this.#exchange(wire, ASKED, pace);
    if (verdict.kind !== "done") throw loginError(verdict, heard);
    const { access_token: token, expires_in = USUAL_S } = readAnswer(Token, verdict.json, ASKED.doing);
    const lastsMs = expires_in * 1_000;
    // A token that is short-lived is used for half its life, rather than fetched for every call.
    this.#held = { token, untilMs: pace.now() + Math.max(lastsMs - EARLY_MS, lastsMs / 2) };
    this.#fetched.push(token);
    if (this.#fetched.length > 4) this.#fetched.shift();
    return token;
  }
}

/** RFC 6749 §2.3.1: both are escaped as in a form before they are joined. */
function basic({ clientId, clientSecret }: { readonly clientId: string; readonly clientSecret: string }): string {
  return Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString("base64");
}

function loginError(verdict: Exclude<Verdict, { kind: "done" }>, heard: Heard): AgentError {
  const isRefusal =
    verdict.kind === "token" || verdict.kind === "denied" || (verdict.kind === "refused" && heard.status < 500);
  if (!isRefusal || heard.status === 404 || heard.status < 400) return errorOf(verdict, ASKED, heard);
  const advice =
    "Set DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET as the account console shows them for the service principal";
  return new DeniedError(`Cannot ${ASKED.doing}: ${verdict.said}`, {
    advice,
    missing: "a service principal with a valid OAuth secret that may use the workspace",
    tryHint: CHECK,
  });
}
