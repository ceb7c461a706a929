/**
 * The connections of the HTTP server: one request each, without a body, and every one within stated limits. It is our own
 * because `Bun.serve` cannot limit how many there are: each takes one of the process's files, and an agent that has no more
 * of them can neither deliver nor read its rules.
 */
import type { Socket, SocketHandler, TCPSocketListener } from "bun";
import { type HeadProblem, type RequestHead, readHead } from "./head.ts";

export type Reply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Beyond `connections` the oldest one is closed: a client that asks at once is answered, one that waits is not. */
export const HTTP_LIMITS = {
  connections: 64,
  /** From the start of the connection to the end of the head. */
  headMs: 5_000,
  /** To make a reply and to send it. */
  replyMs: 10_000,
  /** A client that is still sending has this long, and may send this much, before it is cut off: it should read its reply first. */
  lingerMs: 1_000,
  lingerBytes: 256 * 1024,
};
export type HttpLimits = Readonly<typeof HTTP_LIMITS>;

type Connection = {
  /** All bytes so far, while the head is read. */
  received: Buffer;
  state: "head" | "reply" | "linger";
  /** The part of the reply that the other side has not taken. */
  unsent: Uint8Array;
  lingered: number;
  timer: Timer | null;
};

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  421: "Misdirected Request",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

export class HttpListener {
  readonly #limits: HttpLimits;
  readonly #answer: (head: RequestHead | HeadProblem) => Promise<Reply>;
  readonly #listener: TCPSocketListener<Connection>;
  /** In the order in which they came. */
  readonly #open = new Set<Socket<Connection>>();

  /** `answer` never throws. Throws the system's error where it cannot listen. */
  constructor(
    at: { host: string; port: number },
    answer: (head: RequestHead | HeadProblem) => Promise<Reply>,
    limits: HttpLimits = HTTP_LIMITS,
  ) {
    this.#answer = answer;
    this.#limits = limits;
    this.#listener = Bun.listen<Connection>({
      hostname: at.host,
      port: at.port,
      allowHalfOpen: true,
      socket: this.#handler(),
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Every connection ends at once. */
  close(): void {
    this.#listener.stop(true);
    for (const socket of [...this.#open]) this.#end(socket);
  }

  #handler(): SocketHandler<Connection> {
    return {
      open: (socket) => this.#opened(socket),
      data: (socket, data) => this.#received(socket, data),
      drain: (socket) => this.#send(socket),
      // The client sends no more. If the head is complete, the client may still read the reply.
      end: (socket) => {
        if (socket.data.state !== "reply") this.#end(socket);
      },
      close: (socket) => this.#forget(socket),
      error: (socket) => this.#end(socket),
    };
  }

  #opened(socket: Socket<Connection>): void {
    socket.data = { received: Buffer.alloc(0), state: "head", unsent: new Uint8Array(0), lingered: 0, timer: null };
    this.#open.add(socket);
    this.#endAfter(socket, this.#limits.headMs);
    if (this.#open.size > this.#limits.connections) this.#end(this.#oldest());
  }

  /** Of those that are not being answered, if there is one. */
  #oldest(): Socket<Connection> {
    const all = [...this.#open];
    return all.find((socket) => socket.data.state !== "reply") ?? all[0]!;
  }

  #received(socket: Socket<Connection>, data: Buffer): void {
    const connection = socket.data;
    if (connection.state !== "head") {
      connection.lingered += data.length;
      if (connection.lingered > this.#limits.lingerBytes) this.#end(socket);
      return;
    }
    connection.received = Buffer.concat([connection.received, data]);
    const head = readHead(connection.received);
    if (head === null) return;
    connection.received = Buffer.alloc(0);
    connection.state = "reply";
    this.#endAfter(socket, this.#limits.replyMs);
    void this.#reply(socket, head);
  }

  async #reply(socket: Socket<Connection>, head: RequestHead | HeadProblem): Promise<void> {
    const reply = await this.#answer(head);
    if (!this.#open.has(socket)) return;
    socket.data.unsent = replyBytes(reply, "method" in head && head.method === "HEAD");
    this.#send(socket);
  }

  #send(socket: Socket<Connection>): void {
    const connection = socket.data;
    if (connection.state !== "reply" || connection.unsent.length === 0) return;
    const sent = socket.write(connection.unsent);
    if (sent < 0) {
      this.#end(socket);
      return;
    }
    connection.unsent = connection.unsent.subarray(sent);
    if (connection.unsent.length > 0) return;
    // Closing at once would reset a connection on which bytes are still coming, and the reply would be lost with it.
    connection.state = "linger";
    this.#endAfter(socket, this.#limits.lingerMs);
    socket.shutdown();
  }

  #endAfter(socket: Socket<Connection>, ms: number): void {
    if (socket.data.timer !== null) clearTimeout(socket.data.timer);
    socket.data.timer = setTimeout(() => this.#end(socket), ms);
    socket.data.timer.unref();
  }

  #end(socket: Socket<Connection>): void {
    this.#forget(socket);
    socket.terminate();
  }

  #forget(socket: Socket<Connection>): void {
    this.#open.delete(socket);
    if (socket.data.timer !== null) clearTimeout(socket.data.timer);
    socket.data.timer = null;
  }
}

function replyBytes({ status, headers, body }: Reply, isHead: boolean): Uint8Array {
  const bytes = Buffer.from(body);
  const fields = Object.entries({ ...headers, "content-length": String(bytes.length), connection: "close" });
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? "Status"}`,
    ...fields.map(([name, value]) => `${name}: ${value}`),
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  return isHead ? head : Buffer.concat([head, bytes]);
}
