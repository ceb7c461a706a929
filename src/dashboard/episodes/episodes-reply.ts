/** `GET /api/episodes`, and the one feed that it shares with the live viewers: kept while someone looks, and a moment longer. */
import { messageOf } from "../../core/errors.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import type { DashboardNode } from "../node.ts";
import type { Turns } from "../series/work-budget.ts";
import { EPISODES_MOST } from "../wire.ts";
import { EpisodeFeed } from "./episode-feed.ts";

/** A page asks again soon; without live viewers the feed is forgotten after this. */
const KEPT_MS = 20_000;

export class Episodes {
  readonly #node: DashboardNode;
  readonly #turns: Turns;
  #feed: { readonly feed: EpisodeFeed; readonly ready: Promise<void> } | null = null;
  #stop = new AbortController();
  #viewers = 0;
  #forgetting: Timer | null = null;

  constructor(node: DashboardNode, turns: Turns) {
    this.#node = node;
    this.#turns = turns;
  }

  async answer({ query }: HttpRequest): Promise<HttpReply> {
    const text = query.get("limit") ?? String(EPISODES_MOST);
    const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
    if (limit < 1) return problemReply(400, `"limit" is a number from 1 to ${EPISODES_MOST}`);
    const feed = this.feed();
    if (feed === null) return problemReply(503, "The agent has no buffer yet: it is starting", "agent status");
    try {
      await this.#feed?.ready;
      feed.follow(this.#node.now());
    } catch (error) {
      return problemReply(503, `Cannot read the buffer: ${messageOf(error)}`, "agent status");
    }
    this.#forgetLater();
    return jsonReply(feed.book.newest(Math.min(limit, EPISODES_MOST)));
  }

  /** Null while there is no buffer. It is read back in turns: `isRead` says when it has been. */
  feed(): EpisodeFeed | null {
    const opened = this.#node.opened();
    if (opened === null) return null;
    if (this.#feed !== null && !this.#feed.feed.isOver) return this.#feed.feed;
    const feed = new EpisodeFeed(opened, this.#turns, this.#node.settings.commitMs);
    const ready = feed.readBack(this.#stop.signal);
    ready.catch((error: unknown) => {
      // A damaged or closed buffer, which the agent opens again: the next one who asks tries again.
      if (this.#feed?.feed === feed) this.#feed = null;
      this.#node.log.debug("page_unread", `Cannot read the episodes back: ${messageOf(error)}`);
    });
    this.#feed = { feed, ready };
    return feed;
  }

  join(): void {
    this.#viewers++;
  }

  leave(): void {
    this.#viewers--;
    this.#forgetLater();
  }

  #forgetLater(): void {
    if (this.#forgetting !== null) clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => {
      this.#forgetting = null;
      if (this.#viewers > 0) return;
      this.#stop.abort();
      this.#stop = new AbortController();
      this.#feed = null;
    }, KEPT_MS);
    this.#forgetting.unref();
  }
}
