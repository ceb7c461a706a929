/**
 * A workspace, spoken to over HTTPS: one request at a time made sure of. Waits its turn, gives up an answer that does not
 * come, asks again where that is safe, and throws what a person can act on: TransientError (later may help), DeniedError
 * (a permission or a token), DatabricksError (it understood and said no). Why no SDK: docs/decisions.md.
 */
import { AgentError, TransientError } from "../core/errors.ts";
import { redactor } from "../core/log/redact.ts";
import { parseRetryAfter } from "../core/net/retry-after.ts";
import { askWithin, NoAnswerError, secondsText } from "../core/net/timed-request.ts";
import { VERSION } from "../core/version.ts";
import { type Pages, readAnswer, readPage, type Shape } from "./answer.ts";
import { type CallPurpose, errorOf, type Heard, judge, type Verdict } from "./failure.ts";
import { type Login, openTokens, type Tokens } from "./login.ts";
import { RateLimit, type Trouble, waitBeforeNext } from "./pacing.ts";
import { readBody } from "./read-body.ts";
import type { Call, Pace, Wire } from "./wire.ts";

/** From the start of a request to the last byte of its answer. Longer than the longest wait of the SQL API, 50 s. */
export const CALL_TIMEOUT_MS = 60_000;
/** More pages than any of our lists has: a longer list is a server that repeats itself. */
const MAX_PAGES = 1_000;

export type ClientOptions = {
  /** `https://dbc-….cloud.databricks.com`. */
  readonly origin: string;
  readonly login: Login;
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  readonly timeoutMs?: number;
  readonly random?: () => number;
  readonly wallNow?: () => number;
};

export class Workspace {
  readonly origin: string;
  readonly #options: ClientOptions;
  readonly #tokens: Tokens;
  readonly #rate = new RateLimit();

  constructor(options: ClientOptions) {
    this.origin = options.origin;
    this.#options = options;
    this.#tokens = openTokens(options.login, options.origin, (wire, asked, pace) => this.#exchange(wire, asked, pace));
  }

  /** The answer, judged by its shape. */
  async read<S extends Shape>(shape: S, call: Call, pace: Pace): Promise<S["infer"]> {
    return readAnswer(shape, await this.request(call, pace), call.doing);
  }

  /** The answer's JSON, of any shape; `{}` where it has none. */
  async request(call: Call, pace: Pace): Promise<unknown> {
    const wire = {
      method: call.method,
      url: this.origin + pathOf(call.path) + queryOf(call.query),
      body: call.body === undefined ? null : JSON.stringify(call.body),
      again: call.again ?? (call.method === "GET" ? ("safe" as const) : ("refused" as const)),
    };
    const type = wire.body === null ? {} : { "content-type": "application/json" };
    for (let isFirst = true; ; isFirst = false) {
      const token = await this.#tokens.get(pace);
      const headers = { authorization: `Bearer ${token}`, accept: "application/json", ...type };
      const { verdict, heard } = await this.#exchange({ ...wire, headers }, call, pace);
      if (verdict.kind === "done") return verdict.json;
      // A token of OAuth may have been taken back before its time: a fresh one is asked for once.
      if (verdict.kind === "token" && isFirst && this.#tokens.drop(token)) continue;
      throw errorOf(verdict, call, heard);
    }
  }

  /** All pages of a list. A page may be empty and still not be the last. */
  async list<Item>(pages: Pages<Item>, call: Call, pace: Pace): Promise<readonly Item[]> {
    const all: Item[] = [];
    const seen = new Set<string>();
    for (let token = ""; ; ) {
      const page = token === "" ? call : { ...call, query: { ...call.query, page_token: token } };
      const { items, nextPageToken } = readPage(pages, await this.request(page, pace), call.doing);
      all.push(...items);
      token = nextPageToken;
      if (token === "") return all;
      if (seen.has(token) || seen.size >= MAX_PAGES) {
        throw new AgentError(`Cannot ${call.doing}: the list does not end (page ${seen.size + 1})`);
      }
      seen.add(token);
    }
  }

  /** Sends until there is an answer that means something, or no more tries. */
  async #exchange(wire: Wire, asked: CallPurpose, pace: Pace): Promise<{ verdict: Verdict; heard: Heard }> {
    const startedMs = pace.now();
    for (let tries = 1; ; tries++) {
      pace.stop.throwIfAborted();
      const turnMs = this.#rate.take(pace.now());
      if (turnMs > 0) await pace.wait(turnMs);
      pace.stop.throwIfAborted();
      const got = await this.#send(wire, pace.stop);
      const made = { tries, spentMs: pace.now() - startedMs };
      const random = (this.#options.random ?? Math.random)();
      const waitMs = got.trouble === null ? null : waitBeforeNext(got.trouble, wire.again, made, random);
      if (waitMs === null) {
        if ("heard" in got) return got;
        const often = tries > 1 ? ` (${tries} times)` : "";
        throw new TransientError(`Cannot ${asked.doing}: ${got.silence}${often}`);
      }
      const because = "heard" in got ? saidOf(got.verdict) : got.silence;
      pace.tell(`${asked.doing}: ${because}; again in ${secondsText(waitMs)} s`);
      await pace.wait(waitMs);
    }
  }

  async #send(wire: Wire, stop: AbortSignal): Promise<Sent> {
    const { timeoutMs = CALL_TIMEOUT_MS, wallNow = Date.now } = this.#options;
    try {
      const { heard, retryAfter } = await askWithin({ limitMs: timeoutMs, stop }, (signal) => this.#ask(wire, signal));
      const verdict = this.#hideIn(judge(heard));
      return { heard, verdict, trouble: troubleOf(verdict, heard.status, parseRetryAfter(retryAfter, wallNow())) };
    } catch (error) {
      stop.throwIfAborted();
      if (!(error instanceof NoAnswerError)) throw error;
      const silence = `${this.#redact(error.message)}, from ${new URL(wire.url).host}`;
      return { silence, trouble: { kind: "unknown" } };
    }
  }

  async #ask(wire: Wire, signal: AbortSignal): Promise<{ heard: Heard; retryAfter: string | null }> {
    const answer = await (this.#options.fetch ?? fetch)(wire.url, {
      method: wire.method,
      headers: { ...wire.headers, "user-agent": `agent/${VERSION}` },
      body: wire.body,
      redirect: "manual",
      signal,
    });
    const { headers, status } = answer;
    const heard: Heard = {
      status,
      body: await readBody(answer),
      contentType: headers.get("content-type") ?? "",
      requestId: headers.get("x-request-id") ?? headers.get("x-databricks-request-id") ?? "",
      location: headers.get("location") ?? "",
    };
    return { heard, retryAfter: headers.get("retry-after") };
  }

  #redact(text: string): string {
    return redactor(this.#tokens.secrets())(text);
  }

  /** Databricks, or a proxy, may repeat in its sentence what we sent. */
  #hideIn(verdict: Verdict): Verdict {
    if ("said" in verdict) return { ...verdict, said: this.#redact(verdict.said) };
    return "because" in verdict ? { ...verdict, because: this.#redact(verdict.because) } : verdict;
  }
}

type Sent =
  | { readonly heard: Heard; readonly verdict: Verdict; readonly trouble: Trouble | null }
  | { readonly silence: string; readonly trouble: Trouble };

function troubleOf(verdict: Verdict, status: number, retryAfter: number | undefined): Trouble | null {
  if (verdict.kind === "busy") return { kind: "busy", status, retryAfterMs: retryAfter };
  return verdict.kind === "unknown" ? { kind: "unknown" } : null;
}

function saidOf(verdict: Verdict): string {
  return verdict.kind === "busy" || verdict.kind === "unknown" ? verdict.because : verdict.kind;
}

function pathOf(parts: readonly string[]): string {
  const escaped = parts.map((part) => {
    // A URL knows no way to write these: they would climb to another path.
    if (part === "" || part === "." || part === "..") throw new AgentError(`Cannot ask for a thing named "${part}"`);
    return encodeURIComponent(part);
  });
  return `/${escaped.join("/")}`;
}

function queryOf(query: Call["query"] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const pairs = given.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
