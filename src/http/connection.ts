/** A connection as the listener keeps it, and who decides what is done with its request. */
import type { BodyReader } from "./body.ts";
import type { HeadProblem, RequestHead } from "./head.ts";
import type { Refused } from "./limits.ts";
import type { Reply } from "./reply.ts";
import type { Stream } from "./stream.ts";

/** What is done with a request whose head has been read: it is refused, or answered when its body has come. */
export type Admission = { readonly reply: Reply } | AdmittedRequest;
export type AdmittedRequest = { readonly maxBodyBytes: number; readonly answer: AnswerTo };
/** `gone`: aborted when the client is gone or the server closes. `client`: the address of the other end. */
type AnswerTo = (body: Uint8Array, gone: AbortSignal, client: string) => Promise<Reply>;

/** Neither of them ever throws. */
export interface Requests {
  admit(head: RequestHead | HeadProblem): Admission;
  /** The body of an admitted request cannot be taken. */
  refuseBody(status: 400 | 413, problem: string): Reply;
  readonly refused: Refused;
  /** A reply that is sent bit by bit ended in an error. */
  readonly failed: (error: unknown) => void;
  /** For a client that would be one too many. */
  readonly busy: () => Reply;
}

type BodyOf = { readonly reader: BodyReader; readonly answer: AnswerTo };

export type Connection = {
  /** All bytes so far, while the head is read. */
  received: Buffer;
  state: "head" | "body" | "reply" | "stream" | "linger";
  head: RequestHead | null;
  body: BodyOf | null;
  stream: Stream | null;
  /** Gives its slot among the streams back. */
  leave: () => void;
  readonly gone: AbortController;
  /** The part of the reply that the other side has not taken. */
  unsent: Uint8Array;
  /** A reply must be taken until then. */
  sendUntilMs: number;
  lingered: number;
  timer: Timer | null;
};

export const NOTHING = new Uint8Array(0);

export function newConnection(): Connection {
  return {
    received: Buffer.alloc(0),
    state: "head",
    head: null,
    body: null,
    stream: null,
    leave: () => undefined,
    gone: new AbortController(),
    unsent: NOTHING,
    sendUntilMs: 0,
    lingered: 0,
    timer: null,
  };
}
