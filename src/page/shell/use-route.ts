/** A GET route that a component shows: asked at once, then again and again while someone looks. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { WireProblem } from "../../dashboard/wire.ts";
import { addressOf, getJson, problemOf, type Query } from "./api.ts";
import { connection } from "./live.ts";

export type RouteState<T> = {
  /** The last answer, kept while a later one fails. */
  readonly value: T | null;
  readonly problem: WireProblem | null;
  /** By this page's clock, when `value` came. */
  readonly atMs: number | null;
};

/**
 * `everyMs` null: only once, and again when `path`, `query` or `again` is another. It asks nothing while the tab is hidden or the
 * connection is lost, and at once when that is over.
 */
export function useRoute<T>(
  path: string,
  query: Query = {},
  everyMs: number | null = null,
  again: unknown = null,
): RouteState<T> {
  const found = useSignal<RouteState<T>>({ value: null, problem: null, atMs: null });
  const address = addressOf(path, query);
  const { is, why } = connection.value;
  const isLost = is === "resting" || (is === "lost" && why === null);
  useEffect(() => {
    if (isLost) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | null = null;
    const ask = async () => {
      try {
        if (!document.hidden || found.peek().value === null) {
          found.value = { value: await getJson<T>(address, {}, abort.signal), problem: null, atMs: Date.now() };
        }
      } catch (error) {
        if (abort.signal.aborted) return;
        found.value = { ...found.peek(), problem: problemOf(error) };
      }
      if (everyMs !== null && !abort.signal.aborted) timer = setTimeout(ask, everyMs);
    };
    void ask();
    return () => {
      abort.abort();
      if (timer !== null) clearTimeout(timer);
    };
  }, [address, everyMs, again, isLost]);
  return found.value;
}
