/** Every object of a stage, page by page, with what its key says. */
import { AgentError } from "../core/errors.ts";
import type { Stage } from "../core/stage.ts";
import { type ParsedKey, parseKey } from "./object-key.ts";
import type { ObjectStore } from "./object-store.ts";

/** `of` is null where the name is not one of ours. */
export type NamedObject = {
  readonly stage: Stage;
  readonly key: string;
  readonly bytes: number;
  readonly storedMs: number;
  readonly of: ParsedKey | null;
};

export type ListOptions = {
  readonly stop: AbortSignal;
  /** Called with each object: how many were listed so far. */
  readonly seen?: (count: number) => void;
  /** Only objects whose key begins with it. */
  readonly prefix?: string;
};

/** Every object of the stages, one stage after the other, in key order. Throws AgentError when it is stopped. */
export async function* listObjects(
  store: ObjectStore,
  stages: readonly Stage[],
  { stop, seen, prefix = "" }: ListOptions,
): AsyncIterable<NamedObject> {
  let count = 0;
  for (const stage of stages) {
    for await (const { key, bytes, storedMs } of store.list(stage, prefix)) {
      if (stop.aborted) throw new AgentError(`Cannot list ${store.place(stage)}: it was stopped`);
      seen?.(++count);
      yield { stage, key, bytes, storedMs, of: parseKey(stage, key) };
    }
  }
}
