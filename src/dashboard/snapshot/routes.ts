/** `GET /api/snapshot`, its size beforehand, and how far it is. */
import { AgentError, messageOf } from "../../core/errors.ts";
import type { HttpReply, HttpRequest, Route } from "../../http/route.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import { type AskedSnapshot, askedSnapshot, HOURS_MOST } from "./range.ts";
import { NoSnapshotError, SnapshotBusyError, type SnapshotParts, Snapshots, STALL_MS } from "./snapshots.ts";

const TYPE = "application/vnd.sqlite3";

export function snapshotRoutes(parts: SnapshotParts): readonly Route[] {
  const snapshots = new Snapshots(parts);
  const route = (path: string, answer: Route["answer"]): Route => {
    return { method: "GET", path, access: "read", maxBodyBytes: 0, answer };
  };
  return [
    route("/api/snapshot/size", (request) => answered(request, (asked) => jsonReply(snapshots.size(asked)))),
    route("/api/snapshot/progress", () => jsonReply(snapshots.progress)),
    route("/api/snapshot", (request) =>
      answered(request, async (asked) => {
        // Only to look whether it can be had.
        if (request.method === "HEAD") return { status: 200, type: TYPE, body: "" };
        const file = await snapshots.make(asked, request.gone);
        if (request.gone.aborted) file.giveUp();
        // A server that closes before it sends.
        request.gone.addEventListener("abort", () => file.giveUp());
        return {
          status: 200,
          type: TYPE,
          headers: {
            "content-disposition": 'attachment; filename="snapshot.db"',
            "x-snapshot-readings": String(file.readings),
          },
          length: file.bytes,
          stallMs: STALL_MS,
          stream: (client) => file.send(client),
        };
      }),
    ),
  ];
}

async function answered(
  { query }: HttpRequest,
  work: (asked: AskedSnapshot) => HttpReply | Promise<HttpReply>,
): Promise<HttpReply> {
  const asked = askedSnapshot(query);
  if (asked === null) {
    const message = `Cannot take a snapshot: it needs readings=N, or hours=H up to ${HOURS_MOST.toLocaleString("en")}`;
    return problemReply(400, message);
  }
  try {
    return await work(asked);
  } catch (error) {
    if (error instanceof SnapshotBusyError) return problemReply(429, error.message);
    const hint = error instanceof AgentError ? (error.tryHint ?? null) : "agent buffer check";
    return problemReply(error instanceof NoSnapshotError ? 409 : 503, messageOf(error), hint);
  }
}
