/** What the page asks of sensors, readings and episodes: paths, and who answers them. */
import type { HttpReply, HttpRequest, Route } from "../../http/route.ts";
import { Episodes } from "../episodes/episodes-reply.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import type { DashboardNode } from "../node.ts";
import { RuleLimits } from "../series/rule-limits.ts";
import { SeriesReplies } from "../series/series-reply.ts";
import { seriesNames } from "../series/watched-series.ts";
import { WhyReplies } from "../series/why-reply.ts";
import { Turns } from "../series/work-budget.ts";
import { LiveHub } from "./live-hub.ts";
import { SensorList } from "./sensor-list.ts";

/** What makes the next answer cheaper is kept for this long behind the last one. */
const FORGET_MS = 30_000;

export function liveRoutes(node: DashboardNode): readonly Route[] {
  // All that reads the buffer for the page shares one budget.
  const turns = new Turns(() => performance.now());
  const sensors = new SensorList(node, turns);
  const series = new SeriesReplies(node, turns);
  const limits = new RuleLimits();
  const why = new WhyReplies(node.dataDir);
  const episodes = new Episodes(node, turns);
  const hub = new LiveHub({ node, episodes, running: turns.running, every });
  const forgetLater = laterOnce(FORGET_MS, () => {
    sensors.forget();
    why.forget();
  });
  const remembered = (path: string, answer: Route["answer"]) =>
    reading(path, (request) => {
      forgetLater();
      return answer(request);
    });
  return [
    reading("/api/live", (request) => liveReply(hub, request)),
    remembered("/api/sensors", (request) => sensors.answer(request)),
    reading("/api/series", (request) => series.answer(request)),
    reading("/api/limits", (request) => limitsReply(node, limits, request)),
    reading("/api/episodes", (request) => episodes.answer(request)),
    remembered("/api/why", (request) => why.answer(request)),
  ];
}

function reading(path: string, answer: Route["answer"]): Route {
  return { method: "GET", path, access: "read", maxBodyBytes: 0, answer };
}

/** Runs `work` once, this long after the last call. */
function laterOnce(ms: number, work: () => void): () => void {
  let timer: Timer | null = null;
  return () => {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(work, ms);
    timer.unref();
  };
}

/** Events without an end. */
function liveReply(hub: LiveHub, { query }: HttpRequest): HttpReply {
  const names = seriesNames(query.getAll("watch"));
  if (typeof names === "string") return problemReply(400, names);
  const type = "text/event-stream; charset=utf-8";
  return { status: 200, type, stream: (client) => hub.join(client, names) };
}

function limitsReply(node: DashboardNode, limits: RuleLimits, { query }: HttpRequest): HttpReply {
  const names = seriesNames(query.getAll("series"));
  if (typeof names === "string") return problemReply(400, names);
  const opened = node.opened();
  if (opened === null) return problemReply(503, "The agent has no buffer yet: it is starting", "agent status");
  const { rules, buffer } = opened.parts;
  return jsonReply(limits.of(rules.set, buffer.catalogue)(names));
}

function every(ms: number, turn: () => void): () => void {
  const timer = setInterval(turn, ms);
  // An agent that has ended does not wait for it.
  timer.unref();
  return () => clearInterval(timer);
}
