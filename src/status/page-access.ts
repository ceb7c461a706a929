/** Who may open the page of a running agent and edit with it, and what the log says of that. */
import { join } from "node:path";
import type { Log } from "../core/log/log.ts";
import type { Problem } from "../core/problem.ts";
import { isLoopback } from "../core/settings/address.ts";
import type { Settings } from "../core/settings/settings.ts";
import { shellWord } from "../core/shell-word.ts";
import type { Guard } from "../http/guard.ts";
import { urlsElsewhere } from "../http/own-addresses.ts";
import { PageToken, TOKEN_FILE } from "../http/token.ts";

export class PageAccess {
  readonly #host: string;
  readonly #isSet: boolean;
  readonly #path: string;
  readonly #token: PageToken;
  readonly #log: Log;

  constructor({ dashboard, dashboardToken }: Settings, dataDir: string, log: Log) {
    this.#host = dashboard?.host ?? "localhost";
    this.#isSet = dashboardToken !== null;
    this.#path = join(dataDir, TOKEN_FILE);
    this.#token = new PageToken({ set: dashboardToken, path: this.#path });
    this.#log = log;
  }

  get guard(): Guard {
    return { host: this.#host, token: () => this.#token.value, tokenHint: this.#hint };
  }

  /** What the log says when the server listens. */
  listening(url: string): string {
    const also = "health and metrics: /healthz, /readyz and /metrics";
    const asked = isLoopback(this.#host) ? "To edit rules it asks" : "It asks";
    const there = urlsElsewhere(url);
    const elsewhere = there.length === 0 ? "" : ` From other machines: ${there.join(", ")}.`;
    // A token that is asked for before anything is shown can come with the address.
    const opened = isLoopback(this.#host) ? "" : `. Type it there, or open ${there[0] ?? url}#token=THE-TOKEN`;
    return `Page: ${url} (${also}).${elsewhere} ${asked} for the token: ${this.#where}${opened}`;
  }

  /** The data dir is ours: a token may be kept in it. */
  open(): void {
    if (!this.#token.make()) return;
    // Who can read the data dir on this machine needs no line; who opens the page from another one has only the log.
    if (isLoopback(this.#host)) return;
    const once = `It is kept in ${this.#path}, and this is its only line in the log`;
    this.#log.info("dashboard_token", `The token of the page is ${this.#token.value}. ${once}`);
  }

  /** The data dir was deleted, and is there again: what is logged and shown says where the token's file is. */
  restored(): void {
    this.#token.keep();
  }

  problems(): readonly Problem[] {
    if (this.#token.value !== null || this.#token.problem === null) return [];
    const what = isLoopback(this.#host) ? "rules cannot be edited in the page" : "the page shows nothing";
    const message = `${this.#token.problem}; ${what}`;
    return [{ code: "dashboard_token", message, try: `ls -l ${shellWord(this.#path)}` }];
  }

  get #where(): string {
    return this.#isSet ? "that of AGENT_DASHBOARD_TOKEN" : this.#hint;
  }

  get #hint(): string {
    return this.#isSet ? "printenv AGENT_DASHBOARD_TOKEN" : `cat ${shellWord(this.#path)}`;
  }
}
