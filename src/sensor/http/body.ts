/** The body of a request, read and unpacked within limits. */
import type { IncomingMessage } from "node:http";
import { codeOf, messageOf } from "../../core/errors.ts";
import { tooLarge } from "./admission.ts";
import { type HttpReply, later, refusal } from "./reply.ts";

/** Bytes of bodies that are in memory, of all sources at one address. */
export class BodyBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get held(): number {
    return this.#held;
  }

  /** False: there is no room for them. */
  hold(bytes: number): boolean {
    if (this.#held + bytes > this.#most) return false;
    this.#held += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

/** `held`: the bytes that the budget counts for it, which its reader releases. Null: the sender is gone. */
export type ReadBody = { readonly bytes: Buffer; readonly held: number } | { readonly reply: HttpReply } | null;

export type BodyRules = { readonly maxBodyBytes: number; readonly budget: BodyBudget; readonly isPacked: boolean };

export const QUEUE_FULL = later(503, "too many readings wait for their commit, send again in a moment", 1);

/** Never throws. */
export async function readBody(request: IncomingMessage, rules: BodyRules): Promise<ReadBody> {
  const { maxBodyBytes, budget } = rules;
  const chunks: Buffer[] = [];
  let held = 0;
  const give = (read: ReadBody): ReadBody => {
    if (read === null || "reply" in read) budget.release(held);
    return read;
  };
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (held + chunk.length > maxBodyBytes) return give({ reply: tooLarge(maxBodyBytes) });
      if (!budget.hold(chunk.length)) return give({ reply: QUEUE_FULL });
      held += chunk.length;
      chunks.push(chunk);
    }
  } catch {
    return give(null);
  }
  const [only] = chunks;
  const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
  // What begins with the mark of gzip is no text: a sender may leave the header out.
  if (!rules.isPacked && !(bytes[0] === 0x1f && bytes[1] === 0x8b)) return { bytes, held };
  const unpacked = await unpack(bytes, maxBodyBytes);
  if (!Buffer.isBuffer(unpacked)) return give({ reply: unpacked });
  const more = Math.max(0, unpacked.length - held);
  if (!budget.hold(more)) return give({ reply: QUEUE_FULL });
  return { bytes: unpacked, held: held + more };
}

/** Reads gzip of several members, too. Never holds more than `most` bytes of what it unpacks. */
async function unpack(bytes: Buffer, most: number): Promise<Buffer | HttpReply> {
  const { gunzip } = await import("node:zlib");
  return await new Promise((resolve) => {
    gunzip(bytes, { maxOutputLength: most }, (error, unpacked) => {
      if (error === null) return resolve(unpacked);
      const isTooLarge = codeOf(error) === "ERR_BUFFER_TOO_LARGE";
      resolve(isTooLarge ? tooLarge(most) : refusal(400, `the body cannot be unpacked as gzip: ${messageOf(error)}`));
    });
  });
}
