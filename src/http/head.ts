/** The head of an HTTP/1.1 request, read strictly: a malformed head is refused, and nothing is guessed. */

export type RequestHead = {
  readonly method: string;
  /** As it was sent, without its query. */
  readonly path: string;
  /** What is behind the first `?`; empty where there is none. */
  readonly query: string;
  readonly version: "1.0" | "1.1";
  readonly host: string | null;
  /** By name in lower case; one that was sent several times has its values joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the body that follows, or chunks of it; 0: none follows. */
  readonly body: number | "chunked";
};

export type HeadProblem = { readonly status: 400 | 431 | 501 | 505; readonly problem: string };

/** All lines of a head together. The page names the series that it watches in one of them. */
export const HEAD_BYTES = 16 * 1024;

const END = Buffer.from("\r\n\r\n");
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+) HTTP\/(\d\.\d)$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/;
/** More digits than this are no length of a body. */
const LENGTH = /^\d{1,12}$/;

/** Null while the head is not whole. `received`: all bytes of the connection so far. */
export function readHead(received: Buffer): RequestHead | HeadProblem | null {
  const bytes = headBytes(received);
  if (bytes !== null) return parseHead(received.toString("latin1", 0, bytes - END.length));
  return received.length < HEAD_BYTES ? null : { status: 431, problem: `a head of more than ${HEAD_BYTES} bytes` };
}

/** How many bytes the head has, its empty line too; null while it is not whole. */
export function headBytes(received: Buffer): number | null {
  const end = received.subarray(0, HEAD_BYTES).indexOf(END);
  return end < 0 ? null : end + END.length;
}

function parseHead(text: string): RequestHead | HeadProblem {
  const [first = "", ...lines] = text.split("\r\n");
  const found = REQUEST_LINE.exec(first);
  if (found === null) return { status: 400, problem: "the request line is malformed" };
  const [, method = "", target = "", version] = found;
  if (version !== "1.1" && version !== "1.0") return { status: 505, problem: "HTTP/1.1 only" };
  if (!target.startsWith("/")) return { status: 400, problem: "the target is not a path" };
  const headers = new Map<string, string>();
  let hosts = 0;
  for (const line of lines) {
    const field = FIELD.exec(line);
    if (field === null) return { status: 400, problem: "a header line is malformed" };
    const [, sent = "", value = ""] = field;
    const name = sent.toLowerCase();
    if (name === "host") hosts++;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  // Without one, or with two, it is not known which name was meant.
  if (hosts > 1 || (version === "1.1" && hosts === 0))
    return { status: 400, problem: "exactly one Host header is needed" };
  const body = bodyOf(headers);
  if (typeof body === "object") return body;
  const [path = ""] = target.split("?", 1);
  const query = target.slice(path.length + 1);
  return { method, path, query, version, host: headers.get("host") ?? null, headers, body };
}

/** A body whose end could be read in two ways is refused: a proxy before us may have read the other one. */
function bodyOf(headers: ReadonlyMap<string, string>): RequestHead["body"] | HeadProblem {
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (length !== undefined)
      return { status: 400, problem: "Content-Length and Transfer-Encoding exclude each other" };
    return coding.toLowerCase() === "chunked"
      ? "chunked"
      : { status: 501, problem: "of the transfer codings only chunked is known" };
  }
  if (length === undefined) return 0;
  return LENGTH.test(length) ? Number(length) : { status: 400, problem: "Content-Length is malformed" };
}
