/** The head of an HTTP/1.1 request, read strictly: a malformed head is refused, and nothing is guessed. */

export type RequestHead = {
  readonly method: string;
  /** As it was sent, without its query. */
  readonly path: string;
  readonly host: string | null;
};

export type HeadProblem = { readonly status: 400 | 431 | 505; readonly problem: string };

/** All lines of a head together. */
export const HEAD_BYTES = 8 * 1024;

const END = Buffer.from("\r\n\r\n");
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) (\S+) HTTP\/(\d\.\d)$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/;

/** Null while the head is not whole. `received`: all bytes of the connection so far. */
export function readHead(received: Buffer): RequestHead | HeadProblem | null {
  const end = received.subarray(0, HEAD_BYTES).indexOf(END);
  if (end >= 0) return parseHead(received.toString("latin1", 0, end));
  return received.length < HEAD_BYTES ? null : { status: 431, problem: `a head of more than ${HEAD_BYTES} bytes` };
}

function parseHead(text: string): RequestHead | HeadProblem {
  const [first = "", ...lines] = text.split("\r\n");
  const found = REQUEST_LINE.exec(first);
  if (found === null) return { status: 400, problem: "the request line is malformed" };
  const [, method = "", target = "", version] = found;
  if (version !== "1.1" && version !== "1.0") return { status: 505, problem: "HTTP/1.1 only" };
  if (!target.startsWith("/")) return { status: 400, problem: "the target is not a path" };
  const hosts: string[] = [];
  for (const line of lines) {
    const field = FIELD.exec(line);
    if (field === null) return { status: 400, problem: "a header line is malformed" };
    const [, name = "", value = ""] = field;
    if (name.toLowerCase() === "host") hosts.push(value);
  }
  // Without one, or with two, it is not known which name was meant.
  if (hosts.length > 1 || (version === "1.1" && hosts.length === 0))
    return { status: 400, problem: "exactly one Host header is needed" };
  const [path = ""] = target.split("?", 1);
  return { method, path, host: hosts[0] ?? null };
}
