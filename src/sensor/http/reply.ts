/** What a sender is answered. */
export type HttpReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Why it is a refusal, in a sentence; null where it is none. */
  readonly error: string | null;
};

/** What became of the records of a request. */
export type Tally = { readonly accepted: number; readonly malformed: number; readonly filtered: number };

const HEADERS = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

function reply(status: number, body: object): HttpReply {
  const headers = { ...HEADERS, "content-type": "application/json" };
  return { status, headers, body: `${JSON.stringify(body)}\n`, error: null };
}

/** `error`: a sentence for the person who wrote the sender. */
export function refusal(status: number, error: string, more: Readonly<Record<string, string>> = {}): HttpReply {
  const { headers, body } = reply(status, { error });
  return { status, headers: { ...headers, ...more }, body, error };
}

/** The sender may send the same again, after so many seconds. */
export function later(status: 429 | 503 | 409, error: string, seconds: number): HttpReply {
  return refusal(status, error, { "retry-after": String(seconds) });
}

/** `isRepeated`: it was answered before, and nothing was taken again. */
export function keptReply({ accepted, malformed, filtered }: Tally, isRepeated: boolean): HttpReply {
  const { status, headers, body } = reply(200, { accepted, malformed, filtered });
  return { status, headers: isRepeated ? { ...headers, ...REPEATED } : headers, body, error: null };
}

const REPEATED = { "idempotency-replayed": "true" };
