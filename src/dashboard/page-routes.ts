/** The page's own files: anyone who reaches the address may have them, since they hold nothing of this node. */
import { gunzipSync } from "bun";
import { messageOf } from "../core/errors.ts";
import type { HttpReply, HttpRequest, Route } from "../http/route.ts";
import { pageFiles, type ServedFile } from "./assets.ts";
import type { DashboardNode } from "./node.ts";

const POLICY = [
  "default-src 'none'",
  // WebAssembly: the SQL console.
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const INDEX = "index.html";

/** Where the page cannot be bundled, which only happens when the agent runs from source, there is none. */
export async function pageRoutes({ log }: Pick<DashboardNode, "log">): Promise<readonly Route[]> {
  try {
    return (await pageFiles()).map(fileRoute);
  } catch (error) {
    log.warn("page_missing", `The page is not served: ${messageOf(error)}`);
    return [];
  }
}

function fileRoute(file: ServedFile): Route {
  const isIndex = file.name === INDEX;
  return {
    method: "GET",
    path: isIndex ? "/" : `/${file.name}`,
    access: "open",
    maxBodyBytes: 0,
    answer: (request) => fileReply(file, isIndex, request),
  };
}

async function fileReply(file: ServedFile, isIndex: boolean, { headers }: HttpRequest): Promise<HttpReply> {
  const { type } = file;
  const body = await file.packed();
  const takesGzip = /\bgzip\b/i.test(headers.get("accept-encoding") ?? "");
  const common = {
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    vary: "accept-encoding, accept",
    // All other names hold a hash of the bytes.
    "cache-control": isIndex ? "no-cache" : "public, max-age=31536000, immutable",
  };
  if (takesGzip) return { status: 200, type, body, headers: { ...common, "content-encoding": "gzip" } };
  return { status: 200, type, body: gunzipSync(Uint8Array.from(body)), headers: common };
}
