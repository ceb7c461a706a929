/** The port to a workspace: one call, with what the caller brings along. */
import type { CallPurpose } from "./failure.ts";
import type { Again } from "./pacing.ts";

/** What a caller that waits for an answer brings: see `Doing` of provisioning. */
export type Pace = {
  readonly stop: AbortSignal;
  readonly wait: (ms: number) => Promise<void>;
  /** Milliseconds that only run. */
  readonly now: () => number;
  readonly tell: (text: string) => void;
};

export type Call = CallPurpose & {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The parts of the path, not escaped. */
  readonly path: readonly string[];
  /** Undefined values are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Default: GET safe, everything else refused. */
  readonly again?: Again;
};

/** A request as it goes out. */
export type Wire = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly again: Again;
};
