/** `GET /api/why?seq=N`: the same as `agent why N --json`. */
import { AgentError, UsageError } from "../../core/errors.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import { Explainer, readingAsked } from "../../verdicts/explain.ts";
import { jsonReply, problemReply } from "../json-reply.ts";

export class WhyReplies {
  readonly #explainer: Explainer;

  constructor(dataDir: string) {
    this.#explainer = new Explainer(dataDir);
  }

  answer({ query }: HttpRequest): HttpReply {
    try {
      const asked = readingAsked(query.get("seq") ?? "");
      return whyReply(() => this.#explainer.explain(asked).json);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return problemReply(400, error.message, error.tryHint ?? null);
    }
  }
}

function whyReply(explain: () => unknown): HttpReply {
  try {
    return jsonReply(explain());
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return problemReply(404, error.message, error.tryHint ?? null);
  }
}
