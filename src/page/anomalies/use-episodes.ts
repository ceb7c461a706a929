/** The newest episodes: those that the agent had when asked, and what it said since. */
import { useMemo } from "preact/hooks";
import type { Episode, WireProblem } from "../../dashboard/wire.ts";
import { connection, episodes as live } from "../shell/live.ts";
import { useRoute } from "../shell/use-route.ts";
import { joined } from "./feed.ts";

export type KnownEpisodes = {
  readonly episodes: readonly Episode[];
  readonly isLoading: boolean;
  readonly problem: WireProblem | null;
};

export function useEpisodes(limit: number): KnownEpisodes {
  // Another connection may have missed some.
  const { value, problem } = useRoute<readonly Episode[]>("/api/episodes", { limit }, null, connection.value.sinceMs);
  const came = live.value;
  const episodes = useMemo(() => joined(value ?? [], came), [value, came]);
  return { episodes, isLoading: value === null && problem === null, problem };
}
