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
