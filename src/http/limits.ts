/** What clients may take of the agent, and what they are refused for. */

/** Beyond `connections` the oldest one is closed: a client that asks at once is answered, one that waits is not. */
export const HTTP_LIMITS = {
  connections: 64,
  /** From the start of the connection to the end of the head. */
  headMs: 5_000,
  /** From the end of the head to the end of the body. */
  bodyMs: 15_000,
  /** To make a reply, or to begin one that is sent bit by bit. */
  replyMs: 120_000,
  /** A client that has taken nothing of what waits for it for this long is cut off. */
  stallMs: 30_000,
  /** A reply that was made whole must be taken within this time. */
  sendMs: 300_000,
  /** A client that is still sending has this long, and may send this much, before it is cut off: it should read its reply first. */
  lingerMs: 1_000,
  lingerBytes: 256 * 1024,
  /** Replies that are sent bit by bit, at once. They are never the oldest that is closed. */
  streams: 8,
  /** One that would be one too many waits this long for another one's end. */
  streamWaitMs: 5_000,
  /** What waits for one of these clients: from here on a sender is asked to leave something out or to wait. */
  streamRoomBytes: 64 * 1024,
  /** A sender that does neither loses its client here. */
  streamMostBytes: 4 * 1024 * 1024,
};
export type HttpLimits = Readonly<typeof HTTP_LIMITS>;

/** Why a request or a connection was refused; each is counted. */
export const REFUSALS = [
  /** A head, or a body, that is no HTTP. */
  "malformed",
  /** A name of another host. */
  "host",
  /** A page of another site. */
  "origin",
  "token",
  /** Not known. */
  "path",
  "method",
  /** A body that is too large. */
  "body",
  /** Too many replies that are sent bit by bit. */
  "streams",
  /** Too many connections: the oldest one was closed. */
  "connections",
  /** The head, or the body, did not come in time. */
  "late",
  /** The reply was not taken in time. */
  "slow",
] as const;
export type Refusal = (typeof REFUSALS)[number];
export type Refused = (why: Refusal) => void;

/** How often each, since the server was made. */
export class RefusalCounts {
  readonly #counts = new Map<Refusal, number>(REFUSALS.map((why) => [why, 0]));

  readonly add: Refused = (why) => {
    this.#counts.set(why, (this.#counts.get(why) ?? 0) + 1);
  };

  all(): readonly { readonly reason: Refusal; readonly count: number }[] {
    return [...this.#counts].map(([reason, count]) => ({ reason, count }));
  }
}
