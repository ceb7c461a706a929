/** What S3's answer to HEAD says of an object, compared with the body that should be there. */
import { DeniedError, TransientError } from "../../core/errors.ts";
import type { Look } from "../object-store.ts";

/** As the SDK reads it. */
export type Head = {
  readonly ContentLength?: number | undefined;
  readonly LastModified?: Date | undefined;
  /** Base64; with a dash behind it: of the parts, not of the whole. */
  readonly ChecksumCRC32?: string | undefined;
  readonly ETag?: string | undefined;
};

/** Null: the answer does not say whether an object of the same size has the same bytes. */
export function lookByHead(head: Head, body: Uint8Array): Look | null {
  if (head.ContentLength === undefined) return null;
  if (head.ContentLength !== body.length) return other(head);
  const { ChecksumCRC32: checksum } = head;
  if (checksum !== undefined && !checksum.includes("-")) return checksum === crc32(body) ? { is: "same" } : other(head);
  // The ETag of an object that is encrypted or came in parts is no MD5: only an equal one says something.
  const md5 = new Bun.CryptoHasher("md5").update(body).digest("hex");
  return head.ETag?.replaceAll('"', "") === md5 ? { is: "same" } : null;
}

export function lookByBody(found: Uint8Array, head: Head, body: Uint8Array): Look {
  return Buffer.compare(found, body) === 0 ? { is: "same" } : { ...other(head), bytes: found.length };
}

function other({ ContentLength, LastModified }: Head): Look & { readonly is: "other" } {
  return { is: "other", bytes: ContentLength ?? 0, storedMs: LastModified?.getTime() ?? 0 };
}

/** A look that failed: throws where trying later may help; else nothing can be seen. */
export function unseen(error: Error, permission: string): Look {
  if (error instanceof TransientError) throw error;
  const missing = error instanceof DeniedError ? error.missing : permission;
  return { is: "unseen", because: error.message, missing, tryHint: "agent verify --deep" };
}

/** As S3 writes it: base64 of the big-endian number. */
export function crc32(body: Uint8Array): string {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, Bun.hash.crc32(body));
  return bytes.toBase64();
}
