/** `GET /api/series`: the history of some series, sent as it is read, without haste. */
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import type { HttpReply, HttpRequest, StreamClient } from "../../http/route.ts";
import { problemReply } from "../json-reply.ts";
import type { DashboardNode } from "../node.ts";
import { PIXELS_MOST } from "../wire.ts";
import { History, worthDrawing } from "./history.ts";
import { measuresOfRules, type SeriesName, seriesNames, WatchedColumns } from "./watched-series.ts";
import type { Turns } from "./work-budget.ts";

/** Clients that are sent a history at the same time; each takes up to 4 MiB while it is read. */
const HISTORIES_MOST = 8;
/** Pixels of all series of a request together: with more, each has fewer. */
const CELLS_MOST = 65_536;
/** Parts are sent this far apart, so that most of the work is reading. */
const SEND_MS = 400;
const DEFAULT_PIXELS = 1_000;
const TRY = "curl 'http://127.0.0.1:8844/api/series?series=SENSOR%00temperature&from=0&to=1&pixels=800'";

export class SeriesReplies {
  readonly #node: DashboardNode;
  readonly #turns: Turns;
  #running = 0;

  constructor(node: DashboardNode, turns: Turns) {
    this.#node = node;
    this.#turns = turns;
  }

  answer({ query }: HttpRequest): HttpReply {
    const asked = historyAsked(query);
    if (typeof asked === "string") return problemReply(400, asked, TRY);
    const opened = this.#node.opened();
    if (opened === null) return problemReply(503, "The agent has no buffer yet: it is starting", "agent status");
    if (this.#running >= HISTORIES_MOST) return problemReply(503, `${HISTORIES_MOST} clients are being sent histories`);
    const { buffer } = opened.parts;
    return {
      status: 200,
      type: "application/x-ndjson; charset=utf-8",
      stream: (client) => this.#send(client, asked, buffer),
    };
  }

  async #send(client: StreamClient, asked: HistoryAsked, buffer: SqliteBuffer): Promise<void> {
    const { gone } = client;
    // Another buffer takes the place of a damaged one: what was sent stays true, and is not whole.
    const isThere = () => !gone.aborted && this.#node.opened()?.parts.buffer === buffer;
    this.#running++;
    try {
      await this.#turns.pause(0, gone);
      let earlierMs: number | null = null;
      do earlierMs = isThere() ? await this.#sendSpan(client, asked, { buffer, isThere, earlierMs }) : null;
      while (earlierMs !== null);
    } finally {
      this.#running--;
    }
  }

  /** Where readings turn up that are older than what is drawn, it ends with the earliest of them: the caller begins again. */
  async #sendSpan(
    client: StreamClient,
    { names, fromMs, toMs, pixels }: HistoryAsked,
    of: SentOf,
  ): Promise<number | null> {
    const { buffer, isThere } = of;
    const { running } = this.#turns;
    const rules = measuresOfRules(this.#node.opened()?.parts.rules.set.rules ?? []);
    const columns = new WatchedColumns(names, buffer.catalogue);
    const span = worthDrawing(buffer, { fromMs, toMs, pixels }, of.earlierMs);
    const history = new History({ buffer, columns, span, sinceMs: fromMs, rules, running });
    let sentMs = Number.NEGATIVE_INFINITY;
    while (!history.isDone && isThere()) {
      const sinceMs = running();
      history.step();
      if (history.earlierMs !== null) return history.earlierMs;
      const answer = history.isDone || sinceMs - sentMs >= SEND_MS ? history.answer() : null;
      if (answer !== null) sentMs = sinceMs;
      const hasRoom = answer === null || client.send(`${JSON.stringify(answer)}\n`);
      await this.#turns.pause(running() - sinceMs, client.gone);
      // What is read meanwhile is in the next part.
      if (!hasRoom) await client.drained();
    }
    return null;
  }
}

type SentOf = {
  readonly buffer: SqliteBuffer;
  readonly isThere: () => boolean;
  readonly earlierMs: number | null;
};

export type HistoryAsked = {
  readonly names: readonly SeriesName[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly pixels: number;
};

/** Or why not, as a sentence. */
export function historyAsked(query: URLSearchParams): HistoryAsked | string {
  const names = seriesNames(query.getAll("series"));
  if (typeof names === "string") return names;
  if (names.length === 0) return 'The parameter "series" is missing';
  const [from, to] = [query.get("from"), query.get("to")].map(wholeNumber);
  if (from === null || from === undefined || to === null || to === undefined || from > to)
    return '"from" and "to" are times in whole milliseconds since 1970, and "from" is not after "to"';
  const pixels = query.has("pixels") ? wholeNumber(query.get("pixels")) : DEFAULT_PIXELS;
  if (pixels === null || pixels < 1 || pixels > PIXELS_MOST) return `"pixels" is a number from 1 to ${PIXELS_MOST}`;
  return { names, fromMs: from, toMs: to, pixels: Math.min(pixels, Math.floor(CELLS_MOST / names.length)) };
}

/** Of milliseconds that a date can have; null for another text. */
function wholeNumber(text: string | null): number | null {
  const value = /^-?\d{1,16}(\.\d+)?$/.test(text ?? "") ? Math.round(Number(text)) : Number.NaN;
  return Math.abs(value) <= 8.64e15 ? value : null;
}
