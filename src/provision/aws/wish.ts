/** What should be in AWS, from the settings. */
import { resolve } from "node:path";
import type { Settings } from "../../core/settings/settings.ts";
import type { FactBook } from "../facts.ts";
import type { Naming } from "../names.ts";
import { ADOPTED_KEY, adoptedSpared, MANAGED_BY, MANAGED_BY_KEY, type Spared } from "../resource.ts";
import type { Account } from "./policies.ts";

export type AwsWish = {
  readonly naming: Naming;
  /** The only account to work in; null: that of the credentials. */
  readonly accountId: string | null;
  readonly edgeIdentity: "user" | "role";
  readonly edgeNodes: "*" | readonly string[];
  /** Absolute. */
  readonly keyFile: string;
  readonly kmsKeyArn: string | null;
  /** managed-by and the owner's own. */
  readonly tags: Readonly<Record<string, string>>;
  readonly writeOnce: boolean;
  readonly fileEvents: boolean;
  readonly rawExpiryDays: number | null;
};

export function awsWish(settings: Settings, cwd: string): AwsWish {
  return {
    naming: { prefix: settings.s3BucketPrefix, region: settings.awsRegion },
    accountId: settings.awsAccountId,
    edgeIdentity: settings.edgeIdentity,
    edgeNodes: settings.edgeNodes,
    keyFile: resolve(cwd, settings.edgeKeyFile),
    kmsKeyArn: settings.kmsKeyArn,
    tags: { ...settings.costTags, [MANAGED_BY_KEY]: MANAGED_BY },
    writeOnce: settings.writeOnce === "on",
    fileEvents: settings.fileEvents === "on",
    rawExpiryDays: settings.rawExpiryDays,
  };
}

/** Known before anything is read: the check of the side said it. */
export function accountOf(facts: FactBook): Account {
  return { accountId: facts.need("accountId"), partition: facts.need("partition") };
}

/** Why something with these tags is not ours, or null. */
export function foreignByTags(tags: Readonly<Record<string, string>>): string | null {
  const owner = tags[MANAGED_BY_KEY];
  if (owner === MANAGED_BY) return null;
  if (owner === undefined) return `it is there already and has no tag ${MANAGED_BY_KEY}=${MANAGED_BY}`;
  return `it is there already and its tag ${MANAGED_BY_KEY} is "${owner}"`;
}

/** The tag of an adoption has what `managed-by` said then. */
const NO_OWNER = "none";

/** The tags that it should have: with the mark of an adoption, where it is not ours yet. */
export function tagsWanted(wish: AwsWish, actual: Readonly<Record<string, string>>, isAdopted: boolean) {
  return isAdopted ? { ...wish.tags, [ADOPTED_KEY]: actual[MANAGED_BY_KEY] ?? NO_OWNER } : wish.tags;
}

/** What was adopted is not deleted as if provision had made it. */
export function sparedAdopted(tags: Readonly<Record<string, string>>): readonly Spared[] {
  const owner = tags[ADOPTED_KEY];
  if (owner === undefined) return [];
  return [adoptedSpared(owner === NO_OWNER ? "" : ` (then managed by ${owner})`)];
}

/** `managed-by: none -> agent-provision`, for each tag that is missing or differs; others are left alone. */
export function tagDifferences(
  actual: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(wanted)
    .filter(([key, value]) => actual[key] !== value)
    .map(([key, value]) => `${key}: ${actual[key] ?? "none"} -> ${value}`);
}

export function tagList(tags: Readonly<Record<string, string>>): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

export function tagsOf(
  list: readonly { Key?: string | undefined; Value?: string | undefined }[] = [],
): Record<string, string> {
  return Object.fromEntries(list.map(({ Key = "", Value = "" }) => [Key, Value]));
}
