/** The version that rows and objects carry, and what `agent --version` says of a binary. package.json is the one place of the number. */
import { version } from "../../package.json" with { type: "json" };

export const VERSION: string = version;

/** What `scripts/build.ts` writes into a binary. */
export type Built = {
  /** 40 hex digits; null: built from files that no git knows. */
  readonly commit: string | null;
  /** ISO 8601, UTC. */
  readonly committedAt: string | null;
  /** The files were not those of the commit. */
  readonly isChanged: boolean;
  /** As in the name of the artifact: `linux-x64-musl`. */
  readonly target: string;
};

declare const AGENT_BUILT: Built | undefined;
/** Null when the agent is run from its source. */
const BUILT: Built | null = typeof AGENT_BUILT === "undefined" ? null : AGENT_BUILT;

/** As status, heartbeats and the fleet's table say it, by which two builds of one version differ: `0.1.0+4dbd041`. */
export const BUILD_VERSION: string = `${VERSION}${buildOf(BUILT)}`;

/** Scripts may rely on the first line, `agent VERSION`, and on the word that each other line begins with. Ends with a newline. */
export function versionText(): string {
  return `agent ${VERSION}\ncommit ${commitText(BUILT)}\ntarget ${BUILT?.target ?? "source"}\nbun ${Bun.version}\n`;
}

/** What this binary was built from. `commit`: null where no git knows it. */
export const BUILD: Pick<Built, "commit" | "target"> = BUILT ?? { commit: null, target: "source" };

/** The same for scripts: `agent --version --json`. */
export function versionJson(): string {
  const { commit = null, isChanged = false, committedAt = null, target = "source" } = BUILT ?? {};
  return `${JSON.stringify({ version: VERSION, commit, changed: isChanged, committed_at: committedAt, target, bun: Bun.version })}\n`;
}

function commitText(built: Built | null): string {
  if (built === null || built.commit === null) return "unknown";
  return `${built.commit} of ${built.committedAt}${built.isChanged ? ", with local changes" : ""}`;
}

/** Build metadata of semantic versioning. `local`: the files were not those of the commit. */
export function buildOf(built: Built | null): string {
  if (built === null || built.commit === null) return "";
  return `+${built.commit.slice(0, 7)}${built.isChanged ? ".local" : ""}`;
}
