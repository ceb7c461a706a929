/** What an HTTP server answers by: a path, who may ask, and what makes the reply. */

export type HttpRequest = {
  readonly method: string;
  /** Without its query, as it was sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Of at most the route's `maxBodyBytes`; empty where none was sent. */
  readonly body: Uint8Array;
  /** Aborted when the client is gone or the server closes, also while its reply is being made. */
  readonly gone: AbortSignal;
  /** The address of the other end. */
  readonly client: string;
};

export type HttpReply = {
  readonly status: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
} & (
  | { readonly body: string | Uint8Array }
  /**
   * Runs while the client is there: its promise ends the reply. `length`: in bytes, where it is known. It never runs for a client that
   * asks for the head alone, has gone, or must come again since there are too many: then the request's `gone` is aborted.
   * `stallMs`: a client that takes nothing for this long is cut off, where that is sooner than at others.
   */
  | {
      readonly stream: (client: StreamClient) => Promise<void>;
      readonly length?: number;
      readonly stallMs?: number;
    }
);

/** The other end of a reply that is sent bit by bit. It is never buffered beyond a stated limit. */
export interface StreamClient {
  /** Sends, and says whether there is room for more; after false, what is sent next may be left out by the sender. */
  send(bytes: Uint8Array | string): boolean;
  /** Resolves when all that was sent has been taken, or the client is gone. */
  drained(): Promise<void>;
  /** Aborted when the client is gone or the server closes. */
  readonly gone: AbortSignal;
}

/**
 * `open`: anyone who reaches the address (health and metrics, the page's own files). `read`: with the token, where the address is not
 * loopback. `write`: with the token, everywhere.
 */
export type Access = "open" | "read" | "write";

export type Route = {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly access: Access;
  /** 0: it takes no body. A larger body is refused (413) without being read whole. */
  readonly maxBodyBytes: number;
  /** A GET route answers HEAD too. An error that it throws is logged, and the client gets a 500. */
  readonly answer: (request: HttpRequest) => HttpReply | Promise<HttpReply>;
};
