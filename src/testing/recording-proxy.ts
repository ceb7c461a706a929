/**
 * A proxy between the agent and moto that writes down every call by its name (`s3 PutBucketTagging acme-raw…`, `iam
 * CreateRole`) and lets a test do something at one of them. The Host header goes through unchanged, so signatures hold.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type RecordedCall = { readonly call: string; readonly isWrite: boolean; readonly status: number };

/** At a call: `pass` it on; `lose` its answer (done, then the connection ends); `drop` it (not done); or a status. */
export type Verdict = "pass" | "lose" | "drop" | { readonly status: number; readonly body: string };
export type OnCall = (call: string, isWrite: boolean) => Verdict | Promise<Verdict>;

export type RecordingProxy = {
  readonly url: string;
  /** Every call so far, in the order of their answers. */
  readonly seen: RecordedCall[];
  onCall: OnCall;
  /** Called when a call whose answer is lost has been done, before its connection ends. */
  onAnswer: () => Promise<void>;
  /** Each call is answered so much later; as if the cloud were far. */
  delayMs: number;
  readonly stop: () => Promise<void>;
};

/** Sub-resources of S3, as they are in a query: with GET and PUT and DELETE each is an operation of its own. */
const ASPECTS: Readonly<Record<string, string>> = {
  publicAccessBlock: "PublicAccessBlock",
  ownershipControls: "BucketOwnershipControls",
  encryption: "BucketEncryption",
  versioning: "BucketVersioning",
  lifecycle: "BucketLifecycle",
  tagging: "BucketTagging",
  policy: "BucketPolicy",
};
const VERBS: Readonly<Record<string, string>> = {
  GET: "Get",
  PUT: "Put",
  DELETE: "Delete",
  HEAD: "Head",
  POST: "Post",
};

export async function startRecordingProxy(upstream: string): Promise<RecordingProxy> {
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: RecordingProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    onCall: () => "pass",
    onAnswer: async () => undefined,
    delayMs: 0,
    stop: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  server.on("clientError", (_, socket) => socket.destroy());
  return proxy;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    try {
      const body = await new Response(request as unknown as ReadableStream).bytes();
      const { call, isWrite } = nameOf(request, new TextDecoder().decode(body.subarray(0, 4_096)));
      if (proxy.delayMs > 0) await Bun.sleep(proxy.delayMs);
      const verdict = await proxy.onCall(call, isWrite);
      if (verdict === "drop") return void response.socket?.destroy();
      if (typeof verdict === "object") {
        proxy.seen.push({ call, isWrite, status: verdict.status });
        response.writeHead(verdict.status, { "content-type": "text/xml" });
        return void response.end(verdict.body);
      }
      const answer = await forward(request, new Uint8Array(body));
      proxy.seen.push({ call, isWrite, status: answer.status });
      if (verdict === "lose") {
        await proxy.onAnswer();
        return void response.socket?.destroy();
      }
      const headers = [...answer.headers].filter(
        ([name]) => !/^(connection|transfer-encoding|content-length)$/.test(name),
      );
      response.writeHead(answer.status, Object.fromEntries(headers));
      response.end(new Uint8Array(await answer.arrayBuffer()));
    } catch {
      response.socket?.destroy();
    }
  }

  async function forward(request: IncomingMessage, body: Uint8Array<ArrayBuffer>): Promise<Response> {
    const headers: [string, string][] = [];
    for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
      const name = request.rawHeaders[i]!;
      if (!/^(connection|transfer-encoding|content-length|expect)$/i.test(name))
        headers.push([name, request.rawHeaders[i + 1]!]);
    }
    const { method = "GET" } = request;
    const sent = method === "GET" || method === "HEAD" ? null : body;
    return await fetch(upstream + request.url, { method, headers, body: sent, redirect: "manual", decompress: false });
  }
}

function nameOf(
  { method = "GET", url = "/", headers }: IncomingMessage,
  body: string,
): { call: string; isWrite: boolean } {
  const service = /\/([a-z0-9-]+)\/aws4_request/.exec(headers.authorization ?? "")?.[1] ?? "?";
  if (service !== "s3") {
    const action = new URLSearchParams(body).get("Action") ?? "?";
    return { call: `${service} ${action}`, isWrite: !/^(Get|List)/.test(action) };
  }
  const { pathname, searchParams } = new URL(url, "http://s3");
  const [bucket = "", ...key] = pathname.slice(1).split("/");
  const isWrite = method !== "GET" && method !== "HEAD";
  return { call: `s3 ${operation(method, searchParams, key.join("/") !== "")} ${bucket}`, isWrite };
}

function operation(method: string, query: URLSearchParams, hasKey: boolean): string {
  const aspect = Object.keys(ASPECTS).find((name) => query.has(name));
  if (aspect !== undefined) return `${VERBS[method]}${ASPECTS[aspect]}`;
  if (query.has("versions")) return "ListObjectVersions";
  if (query.has("uploads")) return "ListMultipartUploads";
  if (query.has("delete")) return "DeleteObjects";
  if (hasKey) return `${VERBS[method]}Object`;
  const onBucket: Readonly<Record<string, string>> = {
    PUT: "CreateBucket",
    DELETE: "DeleteBucket",
    HEAD: "HeadBucket",
  };
  return onBucket[method] ?? "ListObjects";
}
