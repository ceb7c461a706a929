/** `GET /api/delivery`: by stage, and the last hours in steps. */
import type { OpenAgent } from "../../agent/open-agent.ts";
import { heldBy, parkedBatches } from "../../buffer/ledger/holdings.ts";
import { lastSettled, settledSteps } from "../../buffer/ledger/settled.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { MS_PER_MINUTE } from "../../core/time/duration.ts";
import type { HttpReply, HttpRequest, Route } from "../../http/route.ts";
import { jsonReply, problemReply } from "../json-reply.ts";
import type { DashboardNode } from "../node.ts";
import { DELIVERY_MINUTES, type DeliveryStep, PARKED_MOST, type StageDelivery, type WireDelivery } from "../wire.ts";
import { COARSE_STEP_MS, DeliveryRecorder, FINE_STEP_MS, LOOK_MS } from "./recorder.ts";
import type { StepCounts } from "./step-ring.ts";

const PATH = "/api/delivery";
/** Steps of a reply. */
const STEPS_MOST = 300;
/** Errors of stores can be long. */
const ERROR_CHARS = 500;

type DeliveryNode = Pick<DashboardNode, "opened" | "now">;

/** The history begins with this call: the agent looks every ten seconds from then on. */
export function deliveryRoutes(node: DeliveryNode): readonly Route[] {
  const replies = new DeliveryReplies(node);
  setInterval(() => replies.look(), LOOK_MS).unref();
  return [{ method: "GET", path: PATH, access: "read", maxBodyBytes: 0, answer: (request) => replies.answer(request) }];
}

export class DeliveryReplies {
  readonly #node: DeliveryNode;
  readonly #recorder = new DeliveryRecorder();
  #startedAtMs: number | null = null;
  /** Steps before this agent started, by the length of a step; read once. */
  readonly #earlier = new Map<number, ReadonlyMap<number, DeliveryStep>>();

  constructor(node: DeliveryNode) {
    this.#node = node;
  }

  look(): void {
    const opened = this.#node.opened();
    if (opened === null) return;
    const { delivery, rates } = opened.parts;
    this.#recorder.look(this.#node.now(), {
      totals: rates.totals,
      sinceMs: this.#sinceMs(opened),
      isUp: !delivery.isDown,
      linkSinceMs: delivery.linkSinceMs,
      bufferBytes: bytesOf(opened),
    });
  }

  answer({ query }: Pick<HttpRequest, "query">): HttpReply {
    const asked = Number(query.get("minutes") ?? DELIVERY_MINUTES[0]);
    const minutes = DELIVERY_MINUTES.find((one) => one === asked);
    if (minutes === undefined) return problemReply(400, `"minutes" is one of ${DELIVERY_MINUTES.join(", ")}`);
    const opened = this.#node.opened();
    if (opened === null) return problemReply(503, "The agent has no buffer yet: it is starting", "agent status");
    // The step that has begun has its counts up to now.
    this.look();
    return jsonReply(this.#wire(opened, minutes));
  }

  #wire(opened: OpenAgent, minutes: number): WireDelivery {
    const { buffer, rates } = opened.parts;
    const { totals } = rates;
    const parked = parkedBatches({ db: buffer.db });
    const last = lastSettled(buffer.db);
    const stages = STAGES.map((stage): [Stage, StageDelivery] => {
      const { objects, rows, bytes } = totals.stages[stage];
      return [stage, { ofAgent: { objects, rows, bytes }, lastAtMs: last.get(stage) ?? null }];
    });
    const nowMs = this.#node.now();
    const stepMs = stepOf(minutes);
    return {
      sinceMs: this.#sinceMs(opened),
      stages: Object.fromEntries(stages) as WireDelivery["stages"],
      retries: totals.failures.unreachable + totals.failures.denied,
      refused: totals.failures.refused,
      parked: parked.slice(0, PARKED_MOST).map(({ stage, key, count, error }) => {
        return { stage, key, rows: count, error: error.slice(0, ERROR_CHARS) };
      }),
      parkedLeftOut: Math.max(0, parked.length - PARKED_MOST),
      stepMs,
      steps: this.#steps(opened, { nowMs, minutes, stepMs }),
    };
  }

  #steps(
    opened: OpenAgent,
    { nowMs, minutes, stepMs }: { readonly nowMs: number; readonly minutes: number; readonly stepMs: number },
  ): DeliveryStep[] {
    const earlier = this.#earlierSteps(opened, stepMs);
    const count = (minutes * MS_PER_MINUTE) / stepMs;
    const last = Math.floor(nowMs / stepMs);
    return Array.from({ length: count }, (_, at) => {
      const step = last - count + 1 + at;
      return this.#recorded(step * stepMs, stepMs) ?? earlier.get(step) ?? unknownStep(step * stepMs);
    });
  }

  #recorded(atMs: number, stepMs: number): DeliveryStep | null {
    const ring = stepMs === FINE_STEP_MS ? this.#recorder.fine : this.#recorder.coarse;
    const parts = Array.from({ length: stepMs / ring.stepMs }, (_, i) => ring.read(atMs + i * ring.stepMs));
    const known = parts.filter((part) => part !== null);
    const last = known.at(-1);
    if (last === undefined) return null;
    const sum = (name: keyof StepCounts) => known.reduce((all, part) => all + part[name], 0);
    const watchedMs = sum("watchedMs");
    return {
      atMs,
      upShare: watchedMs === 0 ? null : sum("upMs") / watchedMs,
      downMs: watchedMs === 0 ? null : watchedMs - sum("upMs"),
      rows: sum("rows"),
      objects: sum("objects"),
      bytes: sum("bytes"),
      failures: sum("failures"),
      bufferBytes: last.bufferBytes,
    };
  }

  #sinceMs(opened: OpenAgent): number {
    this.#startedAtMs ??= opened.parts.liveReport(this.#node.now()).startedAtMs;
    return this.#startedAtMs;
  }

  /** Of agents before this one. */
  #earlierSteps(opened: OpenAgent, stepMs: number): ReadonlyMap<number, DeliveryStep> {
    const known = this.#earlier.get(stepMs);
    if (known !== undefined) return known;
    const { buffer } = opened.parts;
    const steps = settledSteps(buffer.db, stepMs, this.#sinceMs(opened)).map(({ step, rows, objects }) => {
      return [step, { ...unknownStep(step * stepMs), rows, objects }] as const;
    });
    const found = new Map(steps);
    this.#earlier.set(stepMs, found);
    return found;
  }
}

/** The shortest step with which a reply has at most STEPS_MOST. */
function stepOf(minutes: number): number {
  if ((minutes * MS_PER_MINUTE) / FINE_STEP_MS <= 90) return FINE_STEP_MS;
  const steps = Math.ceil((minutes * MS_PER_MINUTE) / COARSE_STEP_MS / STEPS_MOST);
  return steps * COARSE_STEP_MS;
}

function unknownStep(atMs: number): DeliveryStep {
  return {
    atMs,
    upShare: null,
    downMs: null,
    rows: null,
    objects: null,
    bytes: null,
    failures: null,
    bufferBytes: null,
  };
}

function bytesOf({ parts: { buffer } }: OpenAgent): number {
  return heldBy({ db: buffer.db }).bytes;
}
