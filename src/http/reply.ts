/** A reply as bytes on the wire. */
import type { HttpReply } from "./route.ts";

export type Reply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
} & (
  | { readonly body: string | Uint8Array }
  | Pick<Extract<HttpReply, { stream: unknown }>, "stream" | "length" | "stallMs">
);

export type StreamedReply = Extract<Reply, { stream: unknown }>;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  204: "No Content",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

export const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");
/** The end of a body that was sent in chunks. */
export const LAST_CHUNK = Buffer.from("0\r\n\r\n");

/** How the end of a streamed body is found: by its length, by its last chunk, or, by clients of HTTP/1.0, at the end of the connection. */
export type Framing = "length" | "chunked" | "close";

export function framingOf(length: number | undefined, version: "1.0" | "1.1"): Framing {
  if (length !== undefined) return "length";
  return version === "1.1" ? "chunked" : "close";
}

export function wholeReply(reply: Extract<Reply, { body: unknown }>, isHead: boolean): Uint8Array {
  const bytes = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
  const head = headOf(reply, { "content-length": String(bytes.length) });
  return isHead ? head : Buffer.concat([head, bytes]);
}

export function streamHead(reply: StreamedReply, framing: Framing): Uint8Array {
  if (framing === "length") return headOf(reply, { "content-length": String(reply.length) });
  return headOf(reply, framing === "chunked" ? { "transfer-encoding": "chunked" } : {});
}

function headOf({ status, headers }: Reply, framing: Readonly<Record<string, string>>): Uint8Array {
  const fields = Object.entries({ ...headers, ...framing, connection: "close" });
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
}

export function chunk(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}
