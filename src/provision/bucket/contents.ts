/** What is in a bucket, by its keys: the agent's own objects, and those of others, which are named before anything is deleted. */
import { STAGES } from "../../core/stage.ts";
import { NODES_PREFIX } from "../../fleet/heartbeat.ts";
import { parseKey } from "../../uplink/object-key.ts";
import type { Aws } from "../aws/clients.ts";
import { type BucketUse, checkpointPrefix, MANAGED_PREFIX } from "../names.ts";
import type { Doing } from "../resource.ts";
import { type VersionEntry, versionPages } from "./version-pages.ts";

/** Of other names than ours, the first ones. */
export type ForeignObjects = { readonly count: number; readonly names: readonly string[] };
/** Keys, each counted once with all its versions. */
export type BucketContents = { readonly objects: number; readonly foreign: ForeignObjects };

const NAMED = 5;
/** A newer agent may write other names into the folder of a node and an epoch. */
const STAGE_KEY = /^date=[^/]+\/hour=[^/]+\/[A-Za-z0-9._-]+\/[0-9a-z]{26}\.[^/]+\.json\.gz$/;
/** What `verify` and `agent config check --live` try a put with, where they were killed before they deleted it. */
const PROBE = /(^|\/)_agent-[a-z-]+-[0-9a-f-]{36}$/;
/** What others than the agent may put below these belongs to the tables, checkpoints and nodes of the set-up. */
const OWN_PREFIXES: Readonly<Record<"checkpoints" | "metadata", readonly string[]>> = {
  checkpoints: STAGES.map(checkpointPrefix),
  metadata: [NODES_PREFIX, "rules/", `${MANAGED_PREFIX}/`],
};

export function isOwnKey(use: BucketUse, key: string): boolean {
  if (PROBE.test(key)) return true;
  if (use === "checkpoints" || use === "metadata") return OWN_PREFIXES[use].some((prefix) => key.startsWith(prefix));
  return parseKey(use, key) !== null || STAGE_KEY.test(key);
}

/** An object that is neither ours nor an empty mark of a folder, as consoles and Spark make them. */
export function isForeign(use: BucketUse, { key, bytes }: Pick<VersionEntry, "key" | "bytes">): boolean {
  return !isOwnKey(use, key) && !(key.endsWith("/") && bytes === 0);
}

export type Listed = { readonly bucket: string; readonly use: BucketUse; readonly prefix?: string };

/** No such bucket: nothing is in it. */
export async function readContents(
  aws: Aws,
  { bucket, use, prefix = "" }: Listed,
  doing: Doing,
): Promise<BucketContents> {
  let [objects, foreign] = [0, 0];
  let [last, lastForeign] = ["", ""];
  const names: string[] = [];
  for await (const page of versionPages(aws, { bucket, prefix }, doing)) {
    for (const entry of page) {
      if (entry.key !== last) objects++;
      last = entry.key;
      if (entry.key === lastForeign || entry.isMarker || !isForeign(use, entry)) continue;
      lastForeign = entry.key;
      foreign++;
      if (names.length < NAMED) names.push(entry.key);
    }
    doing.tell(`bucket ${bucket}: ${objects.toLocaleString("en")} objects listed`);
  }
  return { objects, foreign: { count: foreign, names } };
}

/** `3 objects that are not the agent's ("a.csv", "b.csv", …)` */
export function foreignText({ count, names }: ForeignObjects): string {
  const named = names.map((name) => JSON.stringify(name)).join(", ");
  const what = count === 1 ? "1 object that is" : `${count.toLocaleString("en")} objects that are`;
  return `${what} not the agent's (${named}${count > names.length ? ", …" : ""})`;
}
