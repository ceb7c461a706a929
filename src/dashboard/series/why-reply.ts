/** `GET /api/why?seq=N`: the same as `agent why N --json`. */
import { AgentError, UsageError } from "../../core/errors.ts";
import type { HttpReply, HttpRequest } from "../../http/route.ts";
import { Explainer, readingAsked } from "../../verdicts/explain.ts";
import { jsonReply, problemReply } from "../json-reply.ts";

export class WhyReplies {
  readonly #dataDir: string;
  #explainer: Explainer | null = null;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** It holds the sensors of the buffer, which may be many. */
  forget(): void {
    this.#explainer = null;
  }

  answer({ query }: HttpRequest): HttpReply {
    try {
      const asked = readingAsked(query.get("seq") ?? "");
      this.#explainer ??= new Explainer(this.#dataDir);
      const explainer = this.#explainer;
      return whyReply(() => explainer.explain(asked).json);
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
