/**
 * The connections of the HTTP server: one request each, and every one within stated limits. It is our own because `Bun.serve`
 * cannot limit how many there are: each takes one of the process's files, and an agent that has no more of them can neither
 * deliver nor read its rules.
 */
import type { Socket, SocketHandler, TCPSocketListener } from "bun";
import { bodyReader } from "./body.ts";
import { type AdmittedRequest, type Connection, NOTHING, newConnection, type Requests } from "./connection.ts";
import { headBytes, readHead } from "./head.ts";
import { HTTP_LIMITS, type HttpLimits } from "./limits.ts";
import { CONTINUE, type Framing, framingOf, type Reply, type StreamedReply, streamHead, wholeReply } from "./reply.ts";
import { Slots } from "./slots.ts";
import { Stream } from "./stream.ts";

export class HttpListener {
  readonly #limits: HttpLimits;
  readonly #requests: Requests;
  readonly #listener: TCPSocketListener<Connection>;
  readonly #streams: Slots;
  /** In the order in which they came. */
  readonly #open = new Set<Socket<Connection>>();

  /** Throws the system's error where it cannot listen. */
  constructor(at: { host: string; port: number }, requests: Requests, limits: HttpLimits = HTTP_LIMITS) {
    this.#requests = requests;
    this.#limits = limits;
    this.#streams = new Slots(limits.streams);
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
      drain: (socket) => this.#drain(socket),
      // The client sends no more. If the request is complete, the client may still read the reply; most are gone.
      end: (socket) => {
        socket.data.gone.abort();
        if (socket.data.state !== "reply") this.#end(socket);
      },
      close: (socket) => this.#forget(socket),
      error: (socket) => this.#end(socket),
    };
  }

  #opened(socket: Socket<Connection>): void {
    socket.data = newConnection();
    this.#open.add(socket);
    this.#endAfter(socket, this.#limits.headMs, () => {
      // Browsers open connections before they need them, and send nothing.
      if (socket.data.received.length > 0) this.#requests.refused("late");
    });
    if (this.#open.size <= this.#limits.connections) return;
    this.#requests.refused("connections");
    this.#end(this.#oldest());
  }

  /** Of those that are not being answered, if there is one. A stream is there to stay. */
  #oldest(): Socket<Connection> {
    const all = [...this.#open];
    const isAnswered = ({ data: { state } }: Socket<Connection>) => state === "reply" || state === "stream";
    const oldest = all.find((socket) => !isAnswered(socket)) ?? all.find(({ data }) => data.state !== "stream");
    return oldest ?? (all[0] as Socket<Connection>);
  }

  #received(socket: Socket<Connection>, data: Buffer): void {
    const connection = socket.data;
    if (connection.state === "head") {
      connection.received = Buffer.concat([connection.received, data]);
      this.#head(socket);
    } else if (connection.state === "body") {
      this.#body(socket, data);
    } else {
      if (connection.state === "linger" && connection.lingered === 0) this.#endAfter(socket, this.#limits.lingerMs);
      connection.lingered += data.length;
      // Reading on would only help it to send more; its reply it can still read.
      if (connection.lingered > this.#limits.lingerBytes) socket.pause();
    }
  }

  #head(socket: Socket<Connection>): void {
    const connection = socket.data;
    const head = readHead(connection.received);
    if (head === null) return;
    const behind = connection.received.subarray(headBytes(connection.received) ?? connection.received.length);
    connection.received = Buffer.alloc(0);
    if (!("problem" in head)) connection.head = head;
    const admission = this.#requests.admit(head);
    if ("reply" in admission) this.#begin(socket, Promise.resolve(admission.reply));
    else this.#admitted(socket, admission, behind);
  }

  #admitted(socket: Socket<Connection>, { answer, maxBodyBytes }: AdmittedRequest, behind: Uint8Array): void {
    const connection = socket.data;
    const framing = connection.head?.body ?? 0;
    if (framing === 0) {
      this.#begin(socket, answer(NOTHING, connection.gone.signal, socket.remoteAddress));
      return;
    }
    connection.state = "body";
    connection.body = { reader: bodyReader(framing, maxBodyBytes), answer };
    this.#endAfter(socket, this.#limits.bodyMs, () => this.#requests.refused("late"));
    if (connection.head?.headers.get("expect")?.toLowerCase() === "100-continue") socket.write(CONTINUE);
    if (behind.length > 0) this.#body(socket, behind);
  }

  #body(socket: Socket<Connection>, data: Uint8Array): void {
    const { body } = socket.data;
    const taken = body?.reader.take(data) ?? null;
    if (taken === null || body === null) return;
    socket.data.body = null;
    if (taken instanceof Uint8Array)
      this.#begin(socket, body.answer(taken, socket.data.gone.signal, socket.remoteAddress));
    else this.#begin(socket, Promise.resolve(this.#requests.refuseBody(taken.status, taken.problem)));
  }

  #begin(socket: Socket<Connection>, reply: Promise<Reply>): void {
    socket.data.state = "reply";
    this.#endAfter(socket, this.#limits.replyMs, () => this.#requests.refused("slow"));
    void reply.then((made) => this.#reply(socket, made));
  }

  #reply(socket: Socket<Connection>, reply: Reply): void {
    const connection = socket.data;
    if (!this.#open.has(socket)) return;
    const isHead = connection.head?.method === "HEAD";
    if ("stream" in reply) {
      this.#stream(socket, reply, isHead);
      return;
    }
    connection.unsent = wholeReply(reply, isHead);
    connection.sendUntilMs = performance.now() + this.#limits.sendMs;
    this.#stallAfter(socket);
    this.#send(socket);
  }

  #stream(socket: Socket<Connection>, reply: StreamedReply, isHead: boolean): void {
    const connection = socket.data;
    const framing = framingOf(reply.length, connection.head?.version ?? "1.0");
    if (isHead) {
      connection.unsent = streamHead(reply, framing);
      this.#send(socket);
      return;
    }
    this.#after(socket, this.#limits.streamWaitMs, () => {
      connection.leave();
      this.#requests.refused("streams");
      this.#reply(socket, this.#requests.busy());
    });
    connection.leave = this.#streams.take(() => this.#beginStream(socket, reply, framing));
  }

  #beginStream(socket: Socket<Connection>, reply: StreamedReply, framing: Framing): void {
    const connection = socket.data;
    connection.state = "stream";
    if (connection.timer !== null) clearTimeout(connection.timer);
    const cut = (isSlow: boolean) => {
      if (isSlow && this.#open.has(socket)) this.#requests.refused("slow");
      this.#end(socket);
    };
    const stream = new Stream(
      {
        framing,
        length: reply.length,
        limits: { ...this.#limits, stallMs: Math.min(reply.stallMs ?? Infinity, this.#limits.stallMs) },
        write: (bytes) => socket.write(bytes),
        cut,
        done: () => {
          connection.leave();
          this.#linger(socket);
        },
      },
      streamHead(reply, framing),
    );
    connection.stream = stream;
    const sent = (async () => reply.stream(stream))();
    sent.then(
      () => stream.end(),
      (error: unknown) => {
        if (!stream.gone.aborted) this.#requests.failed(error);
        cut(false);
      },
    );
  }

  #drain(socket: Socket<Connection>): void {
    if (socket.data.state === "stream") socket.data.stream?.flush();
    else this.#send(socket);
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
    if (connection.unsent.length === 0) this.#linger(socket);
    else if (sent > 0) this.#stallAfter(socket);
  }

  #linger(socket: Socket<Connection>): void {
    // Closing at once would reset a connection on which bytes are still coming, and the reply would be lost with it. So it would be
    // with what the system has taken and the client has not: a slow one needs long for that, and then ends the connection itself.
    const connection = socket.data;
    connection.state = "linger";
    this.#endAfter(socket, connection.lingered > 0 ? this.#limits.lingerMs : this.#limits.sendMs);
    socket.shutdown();
  }

  #stallAfter(socket: Socket<Connection>): void {
    const leftMs = Math.max(0, socket.data.sendUntilMs - performance.now());
    this.#endAfter(socket, Math.min(this.#limits.stallMs, leftMs), () => this.#requests.refused("slow"));
  }

  #endAfter(socket: Socket<Connection>, ms: number, also?: () => void): void {
    this.#after(socket, ms, () => {
      also?.();
      this.#end(socket);
    });
  }

  /** A connection waits for one thing at a time. */
  #after(socket: Socket<Connection>, ms: number, work: () => void): void {
    if (socket.data.timer !== null) clearTimeout(socket.data.timer);
    socket.data.timer = setTimeout(work, ms);
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
    socket.data.gone.abort();
    socket.data.leave();
    socket.data.stream?.leave();
    socket.data.stream = null;
  }
}
