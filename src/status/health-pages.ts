/**
 * What a running agent reports over HTTP, where `--dashboard` asks for it: `/healthz` and `/readyz` for a supervisor that
 * restarts or watches it, `/metrics` for Prometheus. The same as `agent status`, from the same reading of the buffer.
 */

import { resolve } from "node:path";
import type { OpenAgent } from "../agent/open-agent.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log/log.ts";
import { withoutPassword } from "../core/log/redact.ts";
import type { Problem } from "../core/problem.ts";
import type { Settings } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";
import type { Page, PageContent } from "../http/pages.ts";
import type { Route } from "../http/route.ts";
import type { HttpServer } from "../http/server.ts";
import { type LiveStatus, liveStatus } from "./live-status.ts";
import { look } from "./metrics/node-facts.ts";
import type { PageAccess } from "./page-access.ts";
import type { BriefStatus } from "./status.ts";

const STARTING: Problem = {
  code: "starting",
  message: "The agent is starting: it opens its buffer, or repairs it; its log says which",
  try: "agent status",
};
const JSON_TYPE = "application/json; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";
const INDEX = `agent: what this node reports over HTTP
/healthz   status as JSON; 200 while the agent works, also when something is wrong
/readyz    the same; 503 while anything is wrong
/metrics   for Prometheus
`;
const PAGE_INDEX = "/          in a browser: a page that shows sensors, anomalies, rules and delivery, live\n";

/** What the makers of further routes are handed. */
export type ServedAgent = {
  /** Null while the agent starts, and waits for its data dir or its lock. */
  readonly opened: () => OpenAgent | null;
  /** What the start waits for; empty once there is an agent. */
  readonly problems: () => readonly Problem[];
};
/** Called once, before the server listens, and only where one is asked for. */
export type MoreRoutes = (served: ServedAgent) => Promise<readonly Route[]>;

export class RunHealth {
  readonly #settings: Settings;
  readonly #dataDir: string;
  readonly #log: Log;
  #server: HttpServer | null = null;
  #opened: OpenAgent | null = null;
  #waits: Problem | null = null;
  readonly #moreRoutes: MoreRoutes;
  /** With the server. */
  #access: PageAccess | null = null;

  constructor(settings: Settings, cwd: string, log: Log, moreRoutes: MoreRoutes = async () => []) {
    this.#settings = settings;
    this.#dataDir = resolve(cwd, settings.dataDir);
    this.#log = log;
    this.#moreRoutes = moreRoutes;
  }

  /** The outside world never makes it throw: it tries again to listen, and reports a problem until it can. */
  async listen(orFreePort: boolean): Promise<void> {
    const at = this.#settings.dashboard;
    if (at === null) return;
    const [{ HttpServer }, { PageKeeper }, { PageAccess }] = await Promise.all([
      import("../http/server.ts"),
      import("../http/pages.ts"),
      import("./page-access.ts"),
    ]);
    const access = new PageAccess(this.#settings, this.#dataDir, this.#log);
    this.#access = access;
    const routes = await this.#loaded();
    const hasPage = routes.some(({ path }) => path === "/");
    const index = hasPage ? `${INDEX}${PAGE_INDEX}` : INDEX;
    const pages: readonly (readonly [string, Page])[] = [
      ["/", () => ({ status: 200, type: TEXT_TYPE, body: index })],
      ["/healthz", () => this.#health(() => false)],
      ["/readyz", () => this.#health((health) => health !== "ok")],
      ["/metrics", () => this.#metrics()],
    ];
    this.#server = new HttpServer({
      at,
      orFreePort,
      pages: new PageKeeper({
        pages: new Map(pages),
        running: () => performance.now(),
        // Another list after every change of the rules folder.
        stamp: () => this.#opened?.parts.rules.refused,
      }),
      routes,
      guard: access.guard,
      log: this.#log,
      listening: (url) => (hasPage ? access.listening(url) : `Health and metrics: ${url}healthz and /metrics`),
    });
  }

  /** What cannot be loaded costs the page, and never the agent. */
  async #loaded(): Promise<readonly Route[]> {
    try {
      return await this.#moreRoutes({
        opened: () => this.#opened,
        problems: () => (this.#opened === null ? [this.#waits ?? STARTING].map(safeProblem) : []),
      });
    } catch (error) {
      this.#log.warn("page_missing", `The page is not served: ${messageOf(error)}`);
      return [];
    }
  }

  /** What the start waits for; null: it waits no more. */
  waiting(problem: Problem | null): void {
    this.#waits = problem;
  }

  /** The agent has its lock and its buffer: from now on there is a status to show. */
  tell(opened: OpenAgent): void {
    this.#opened = opened;
    this.#access?.open();
    this.#server?.tryNow();
  }

  /** The data dir is there again, without the token's file. */
  restored(): void {
    this.#access?.restored();
  }

  /** Where the page is, and its token, once there is one; null while the server does not listen. */
  get page(): { readonly url: string; readonly token: string | null } | null {
    const url = this.#server?.url ?? null;
    return url === null ? null : { url, token: this.#access?.guard.token() ?? null };
  }

  problems(): readonly Problem[] {
    if (this.#server === null) return [];
    const { refused } = this.#server;
    const problems = this.#opened === null ? [] : (this.#access?.problems() ?? []);
    if (refused === null) return problems;
    const message = `${refused}; the agent tries again by itself`;
    return [{ code: "not_listening", message, try: "ss -ltnp" }, ...problems];
  }

  /** Requests and connections that the server refused, by reason. */
  refusals(): ReturnType<HttpServer["refusals"]> {
    return this.#server?.refusals() ?? [];
  }

  close(): void {
    this.#server?.close();
  }

  async #health(isBad: (health: BriefStatus["health"]) => boolean): Promise<PageContent> {
    const opened = this.#opened;
    const unwell = (problems: readonly Problem[]) =>
      answer(isBad("degraded") ? 503 : 200, {
        health: "degraded",
        problems: problems.map(safeProblem),
        pid: process.pid,
      });
    if (opened === null) return unwell([this.#waits ?? STARTING]);
    try {
      opened.parts.backlog.count();
      const { status } = this.#own(opened, Date.now());
      return answer(isBad(status.health) ? 503 : 200, status);
    } catch (error) {
      // A new buffer is being made, or its disk is gone: the process works, and says so.
      const { problems } = opened.parts.liveReport(Date.now());
      const message = `Cannot read the buffer: ${messageOf(error)}`;
      const waits = this.#waits === null ? [] : [this.#waits];
      return unwell([
        ...waits,
        ...problems,
        { code: "buffer_unreadable", message, try: `df -h ${shellWord(this.#dataDir)}` },
      ]);
    }
  }

  async #metrics(): Promise<PageContent> {
    const opened = this.#opened;
    if (opened === null)
      return { status: 503, type: TEXT_TYPE, body: `${safeProblem(this.#waits ?? STARTING).message}\n` };
    const { metricsText } = await import("./metrics/text.ts");
    // A request for health does not wait for the count.
    const seen = await look(opened, { settings: this.#settings, dataDir: this.#dataDir, refused: this.refusals() });
    return { status: 200, ...(await metricsText(seen)) };
  }

  #own(opened: OpenAgent, nowMs: number): LiveStatus {
    return liveStatus(opened, this.#settings, this.#dataDir, nowMs);
  }
}

function safeProblem(problem: Problem): Problem {
  return { ...problem, message: withoutPassword(problem.message) };
}

function answer(status: number, value: unknown): PageContent {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}
