/** What the rules in force say of series: asked for once, and again when the rules are others. */
import { effect, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type RuleLimit, WATCHED_MOST, type WireLimits } from "../../dashboard/wire.ts";
import { getJson } from "../shell/api.ts";
import { changed } from "../shell/live.ts";

export type KnownLimits = ReadonlyMap<string, readonly RuleLimit[]>;

const KNOWN_MOST = 1_000;
const DEBOUNCE_MS = 150;
const known = signal<KnownLimits>(new Map());
const rules = signal<string | null>(null);
effect(() => {
  const version = changed.value?.rules ?? null;
  if (version === null || version === rules.peek()) return;
  // Until the new ones are here, the old ones are shown.
  rules.value = version;
});

/** Which version of the rules each of `known` is of. */
const versionOf = new Map<string, string | null>();

export function useLimits(keys: readonly string[]): KnownLimits {
  const version = rules.value;
  const text = keys.join("\n");
  useEffect(() => {
    const missing = keys.filter((key) => !versionOf.has(key) || versionOf.get(key) !== version).slice(0, WATCHED_MOST);
    if (missing.length === 0) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      getJson<WireLimits>("/api/limits", { series: missing }, abort.signal).then(
        (limits) => keep(missing, limits, version),
        // Charts without limits are charts still; the next view asks again.
        () => undefined,
      );
    }, DEBOUNCE_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, version, known.value]);
  return known.value;
}

function keep(keys: readonly string[], limits: WireLimits, version: string | null): void {
  const next = new Map(known.peek().size > KNOWN_MOST ? [] : known.peek());
  for (const key of keys) {
    versionOf.set(key, version);
    next.set(key, limits[key] ?? []);
  }
  for (const key of versionOf.keys()) if (!next.has(key)) versionOf.delete(key);
  known.value = next;
}
