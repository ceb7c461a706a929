/** What a store lists, read as names: shared by `verify` and `lake`. */
import { AgentError } from "../../core/errors.ts";
import type { Stage } from "../../core/stage.ts";
import { type ParsedKey, parseKey } from "../../uplink/object-key.ts";
import type { ObjectStore } from "../../uplink/object-store.ts";

/** `of` is null where the name is not one of ours. */
export type NamedObject = {
  readonly stage: Stage;
  readonly key: string;
  readonly bytes: number;
  readonly storedMs: number;
  readonly of: ParsedKey | null;
};

/** Every object of the stages whose key begins with `prefix`, one stage after the other, in key order. Throws AgentError when told to stop. */
export async function* listObjects(
  store: ObjectStore,
  stages: readonly Stage[],
  stop: AbortSignal,
  seen: (count: number) => void = () => undefined,
  prefix = "",
): AsyncIterable<NamedObject> {
  let count = 0;
  for (const stage of stages) {
    for await (const { key, bytes, storedMs } of store.list(stage, prefix)) {
      if (stop.aborted) throw new AgentError(`Cannot list ${store.place(stage)}: told to stop`);
      seen(++count);
      yield { stage, key, bytes, storedMs, of: parseKey(stage, key) };
    }
  }
}

const CLEAR_LINE = "\r\u001b[2K";
const FIRST_MS = 1_000;
const EVERY_MS = 250;

/** A line on a terminal for what takes longer than a second; elsewhere nothing. */
export type ProgressLine = { readonly tell: (text: () => string) => void; readonly end: () => void };

export function progressLine(
  terminal: boolean,
  write = (text: string) => void process.stderr.write(text),
): ProgressLine {
  let nextMs = performance.now() + FIRST_MS;
  let isShown = false;
  return {
    tell: (text) => {
      if (!terminal) return;
      const now = performance.now();
      if (now < nextMs) return;
      nextMs = now + EVERY_MS;
      isShown = true;
      write(`${CLEAR_LINE}${text().slice(0, Math.max(20, (process.stderr.columns ?? 100) - 1))}`);
    },
    end: () => {
      if (isShown) write(CLEAR_LINE);
    },
  };
}
