/**
 * Which node the page shows: the first that it saw. An address may lead to another one later, as after a change of a tunnel; then the
 * page stops, and sends neither a token nor a text.
 */
import { signal } from "@preact/signals";
import type { WireNode } from "../../dashboard/wire.ts";

export const node = signal<string | null>(null);
/** The one that answers in its place; null: none does. */
export const otherNode = signal<string | null>(null);

/** A node that said its name this recently is asked again only where a connection has ended since. */
const SURE_MS = 3_000;
const WAIT_MS = 10_000;

export class AnotherNodeError extends Error {}

let sureUntil = 0;
let asking: Promise<string | null> | null = null;

/** The agent said which node it is. False: another one than that of the page. */
export function nodeSeen(id: string | null): boolean {
  if (id === null) return true;
  node.value ??= id;
  const isSame = node.peek() === id;
  otherNode.value = isSame ? null : id;
  sureUntil = isSame ? performance.now() + SURE_MS : 0;
  return isSame;
}

/** A connection ended: who answers the next request is not known. */
export function notSureOfNode(): void {
  sureUntil = 0;
}

/** Which node answers now; null: it does not say. Throws where it is another one, or does not answer. */
export async function nodeNow(ask: () => Promise<string | null> = askNode): Promise<string | null> {
  if (performance.now() < sureUntil) return node.peek();
  asking ??= ask().finally(() => {
    asking = null;
  });
  const id = await asking;
  if (!nodeSeen(id)) throw new AnotherNodeError(`This is another node now: ${id}. It was ${node.peek()}`);
  return id;
}

/** Without the token. */
async function askNode(): Promise<string | null> {
  const answer = await fetch("/api/node", { cache: "no-store", signal: AbortSignal.timeout(WAIT_MS) });
  if (!answer.ok) return null;
  const said: Partial<WireNode> | null = await answer.json();
  return said?.node ?? null;
}
