/** The ids of the Databricks resources, for `needs` across files, and the mark by which ours are known. */
import { counted } from "../../core/readable-numbers.ts";
import { STAGES } from "../../core/stage.ts";
import type { BucketUse } from "../names.ts";
import { ADOPTED_KEY, adoptedSpared, MANAGED_BY, MANAGED_BY_KEY, type Spared } from "../resource.ts";

export const LAKE_ID = {
  access: (credential: string) => `access of storage credential ${credential}`,
  location: (name: string) => `external location ${name}`,
  catalog: (name: string) => `catalog ${name}`,
  schema: (fullName: string) => `schema ${fullName}`,
  volume: (fullName: string) => `volume ${fullName}`,
  table: (fullName: string) => `table ${fullName}`,
  grants: (on: string) => `grants on ${on}`,
  folder: (path: string) => `workspace folder ${path}`,
  notebook: (path: string) => `notebook ${path}`,
  file: (path: string) => `workspace file ${path}`,
  dashboard: (path: string) => `dashboard ${path}`,
  job: (name: string) => `job ${name}`,
} as const;

/** The metadata bucket holds the catalog's managed storage, and a volume may not overlap that. */
export const VOLUME_USES = [...STAGES, "checkpoints"] as const satisfies readonly BucketUse[];
export type VolumeUse = (typeof VOLUME_USES)[number];

/** What the comments say beside the mark. */
export const ABOUT = {
  credential: "The role of the agent's buckets",
  location: "A bucket of the agent",
  catalog: "Readings of the agent's sensors",
  schema: "Five tables of readings, by stage",
} as const;

export function aboutVolume(use: VolumeUse): string {
  return use === "checkpoints" ? "What Auto Loader has read" : `Objects of the ${use} stage`;
}

const MARK = `${MANAGED_BY_KEY}=${MANAGED_BY}`;

/** Databricks' objects have no tags that one call could set with them: the comment carries the mark, at its end. */
export function isMarked(comment: string | undefined): boolean {
  return hasWord(MARK, comment);
}

function hasWord(word: string, comment = ""): boolean {
  return new RegExp(`(^|[\\s;(])${word}($|[\\s;).])`).test(comment);
}

/** The comment with the mark; what people wrote before stays. */
export function marked(comment: string | undefined): string {
  return [comment?.trim() ?? "", MARK].filter((part) => part !== "").join(" ");
}

export function isAdopted(comment: string | undefined): boolean {
  return hasWord(ADOPTED_KEY, comment);
}

/** The comment of what others made and we take over: with their words, our mark, and the mark of the adoption. */
export function markedAdopted(comment: string | undefined): string {
  const ours = isMarked(comment) ? (comment ?? "") : marked(comment);
  return isAdopted(comment) ? ours : `${ours} ${ADOPTED_KEY}`;
}

/** What was adopted is not deleted as if provision had made it. */
export function sparedByComment(comment: string | undefined): readonly Spared[] {
  return isAdopted(comment) ? [adoptedSpared()] : [];
}

export const NOT_MARKED = `its comment does not say ${MARK}`;

/** Of many names, the first ones are shown. */
export const NAMED = 5;

/** `it holds 2 tables that agent provision did not make (a, b)` */
export function foreignContentsText(what: string, names: readonly string[]): string {
  const more = names.length > NAMED ? ", …" : "";
  const shown = names.slice(0, NAMED).join(", ");
  return `it holds ${counted(names.length, what)} that agent provision did not make (${shown}${more})`;
}
