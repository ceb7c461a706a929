/** Faults that a test queues: the next call that matches is refused, lost, cut off or answered late. */
import { int, must, oneOf, shape, text } from "../wire/shape.ts";

const WHAT = oneOf("refuse", "html", "close", "lose-answer", "half-answer", "slow");

/**
 * refuse: nothing is done; `status`, `error_code`, `message` and `retry_after` (seconds, or any text) are the answer.
 * html: nothing is done; a proxy's page of that status. close: nothing is done and the connection ends.
 * lose-answer: it is done, then the connection ends. half-answer: it is done, and the connection ends in the middle of the answer. slow: it is done, and answered `delay_ms` late.
 */
const FAULT = shape({
  what: must(WHAT),
  /** Any method where left out. */
  method: text,
  /** A path without query; `*` stands for anything. Any path where left out. */
  path: text,
  /** Matching calls to let through first. */
  after: int,
  /** How many matching calls it hits; 1 where left out. */
  times: int,
  status: int,
  error_code: text,
  message: text,
  retry_after: text,
  delay_ms: int,
});
type Checks = ReturnType<typeof FAULT.is>;
export type Fault = Pick<Checks, "what"> & Partial<Checks>;

const QUEUED = 1_000;
const DELAY_MS = 600_000;

export type FaultQueue = {
  /** Throws Misuse when it is none. Faults are tried in the order in which they were added. */
  readonly add: (fault: Fault) => void;
  readonly take: (method: string, path: string) => Fault | null;
  /** Faults that have not hit yet: a test that ends with some of them did not test what it says. */
  readonly left: () => readonly Fault[];
  readonly clear: () => void;
};

export function newFaultQueue(): FaultQueue {
  let queue: { readonly fault: Fault; skip: number; times: number }[] = [];
  return {
    add: (fault) => {
      const checked = FAULT.is(fault, "");
      if (queue.length >= QUEUED) throw new Error(`Cannot queue a fault: there are ${QUEUED}`);
      if ((checked.delay_ms ?? 0) > DELAY_MS) throw new Error(`Cannot be slow: delay_ms is at most ${DELAY_MS}`);
      queue.push({ fault, skip: checked.after ?? 0, times: checked.times ?? 1 });
    },
    take: (method, path) => {
      for (const one of queue) {
        if (!matches(one.fault, method, path)) continue;
        if (one.skip > 0) {
          one.skip--;
          continue;
        }
        one.times--;
        queue = queue.filter(({ times }) => times > 0);
        return one.fault;
      }
      return null;
    },
    left: () => queue.map(({ fault, times }) => ({ ...fault, times })),
    clear: () => {
      queue = [];
    },
  };
}

function matches({ method, path }: Fault, calledMethod: string, calledPath: string): boolean {
  if (method !== undefined && method !== calledMethod) return false;
  if (path === undefined) return true;
  const pattern = path.split("*").map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, "\\$&"));
  return new RegExp(`^${pattern.join(".*")}$`).test(calledPath);
}

/** Databricks's own code for a status that a fault names without one. */
const CODES: Readonly<Record<number, string>> = {
  400: "INVALID_PARAMETER_VALUE",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "RESOURCE_DOES_NOT_EXIST",
  409: "RESOURCE_CONFLICT",
  429: "REQUEST_LIMIT_EXCEEDED",
  500: "INTERNAL_ERROR",
  503: "TEMPORARILY_UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

export type FaultAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
};

/** The answer of a fault that does nothing else. */
export function answerOf(fault: Fault, print: (value: unknown) => string): FaultAnswer {
  const status = fault.status ?? 503;
  const headers: Record<string, string> = fault.retry_after === undefined ? {} : { "retry-after": fault.retry_after };
  if (fault.what === "html") {
    const text = `<html><head><title>${status}</title></head><body><h1>${status}</h1><hr>nginx</body></html>`;
    return { status, headers: { ...headers, "content-type": "text/html" }, text };
  }
  const code = fault.error_code ?? CODES[status] ?? "UNKNOWN";
  const message = fault.message ?? `A fault of the test: ${status}`;
  return {
    status,
    headers: { ...headers, "content-type": "application/json" },
    text: print({ error_code: code, message }),
  };
}
