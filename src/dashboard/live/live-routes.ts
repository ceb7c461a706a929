/** What the page asks of sensors, readings and episodes: paths, and who answers them. */
import type { HttpReply, HttpRequest, Route } from "../../http/route.ts";
import { problemReply } from "../json-reply.ts";
import type { WatchedAgent } from "../watched-agent.ts";

export function liveRoutes(_agent: WatchedAgent): readonly Route[] {
  return [
    reading("/api/live", notYet),
    reading("/api/sensors", notYet),
    reading("/api/series", notYet),
    reading("/api/limits", notYet),
    reading("/api/episodes", notYet),
    reading("/api/why", notYet),
  ];
}

function reading(path: string, answer: (request: HttpRequest) => HttpReply | Promise<HttpReply>): Route {
  return { method: "GET", path, access: "read", maxBodyBytes: 0, answer };
}

function notYet(): HttpReply {
  return problemReply(503, "This part of the page does not answer yet");
}
