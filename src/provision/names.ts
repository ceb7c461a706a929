/** What everything is called in the two clouds: made from the settings alone, so that both sides and every run agree. */
import { bucketOf, metadataBucketOf, STAGES, type Stage } from "../core/stage.ts";

/** The seven buckets, by what they are for. */
export const BUCKET_USES = [...STAGES, "checkpoints", "metadata"] as const;
export type BucketUse = (typeof BUCKET_USES)[number];

export type Naming = { readonly prefix: string; readonly region: string };

export function bucketName(use: BucketUse, { prefix, region }: Naming): string {
  if (use === "metadata") return metadataBucketOf(prefix, region);
  if (use === "checkpoints") return `${prefix}-${use}-${region}`;
  return bucketOf(use satisfies Stage, prefix, region);
}

export function bucketUrl(use: BucketUse, naming: Naming): string {
  return `s3://${bucketName(use, naming)}/`;
}

/** Where the checkpoint and the schema of a stage's stream lie in the checkpoints bucket. */
export function checkpointPrefix(stage: Stage): string {
  return `${stage}/`;
}

/** Where the managed tables lie in the metadata bucket. */
export const MANAGED_PREFIX = "unity-catalog";

/** The role that Unity Catalog assumes. IAM is one for all regions, so the region is in the name. At most 64 characters. */
export function unityRoleName({ prefix, region }: Naming): string {
  return `${prefix}-unity-catalog-${region}`;
}

/** The edge's user or role: one for a set of buckets. */
export function edgeName({ prefix, region }: Naming): string {
  return `${prefix}-edge-${region}`;
}

/** Lower-case letters, digits and `_`: what Unity Catalog keeps as it is and SQL needs no quotes for. */
export function credentialName({ prefix, region }: Naming): string {
  return `${prefix}_${region}`.replaceAll("-", "_");
}

/** One bucket, one location, at the bucket's root: locations may not overlap. */
export function locationName(use: BucketUse, naming: Naming): string {
  return bucketName(use, naming).replaceAll("-", "_");
}

/** The ids of resources, for `needs` across files. */
export const ID = {
  bucket: (name: string) => `bucket ${name}`,
  role: (name: string) => `role ${name}`,
  credential: (name: string) => `storage credential ${name}`,
} as const;
