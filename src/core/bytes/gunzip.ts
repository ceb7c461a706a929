/**
 * Unpacks gzip of several members (RFC 1952 §2.2): node:zlib reads all of them, Bun.gunzipSync would stop after the first and
 * lose the rest silently. The module is loaded at the first call: it costs 10 ms of a start, and most runs unpack nothing.
 */
export function gunzipMembers(body: Uint8Array, mostBytes?: number): Buffer {
  const { gunzipSync } = require("node:zlib") as typeof import("node:zlib");
  return mostBytes === undefined ? gunzipSync(body) : gunzipSync(body, { maxOutputLength: mostBytes });
}
