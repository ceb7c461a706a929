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

export function liveRoutes(node: DashboardNode): readonly Route[] {
  // All that reads the buffer for the page shares one budget.
  const turns = new Turns(() => performance.now());
  const sensors = new SensorList(node, turns);
  const series = new SeriesReplies(node, turns);
  const limits = new RuleLimits();
  const why = new WhyReplies(node.dataDir);
  const episodes = new Episodes(node, turns);
  const hub = new LiveHub({ node, episodes, running: turns.running, every });
  return [
    reading("/api/live", (request) => liveReply(hub, request)),
    reading("/api/sensors", (request) => sensors.answer(request)),
    reading("/api/series", (request) => series.answer(request)),
    reading("/api/limits", (request) => limitsReply(node, limits, request)),
    reading("/api/episodes", (request) => episodes.answer(request)),
    reading("/api/why", (request) => why.answer(request)),
  ];
}

function reading(path: string, answer: Route["answer"]): Route {
  return { method: "GET", path, access: "read", maxBodyBytes: 0, answer };
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
