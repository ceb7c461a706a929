/** An answer's text, up to a limit: a body that is larger than any answer of Databricks does not fill our memory. */
import { AgentError } from "../core/errors.ts";

/** Twice what the SQL API puts into one answer (25 MiB) and some. */
export const ANSWER_BYTES = 64 * 1024 * 1024;

export async function readBody(answer: Response, limit: number = ANSWER_BYTES): Promise<string> {
  if (answer.body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    bytes += chunk.byteLength;
    if (bytes > limit) throw new AgentError(`Cannot read an answer of Databricks: it is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
