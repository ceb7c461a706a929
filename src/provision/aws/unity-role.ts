/** The role that Unity Catalog assumes: what it should be, and in which words it differs. */

import type { FactBook } from "../facts.ts";
import { BUCKET_USES, bucketName, credentialName, ID, unityRoleName } from "../names.ts";
import { DATABRICKS_ROLE_ARN, NO_EXTERNAL_ID, roleArn, unityPolicy, unityTrustPolicy } from "./policies.ts";
import { canonical, stringsIn } from "./policy-json.ts";
import { openTo, type PolicyDocument, statementsOf } from "./policy-read.ts";
import type { RoleActual, RoleWish } from "./role.ts";
import { type AwsWish, accountOf } from "./wish.ts";

export function unityRole(wish: AwsWish): RoleWish {
  const { naming } = wish;
  const name = unityRoleName(naming);
  const credential = ID.credential(credentialName(naming));
  return {
    name,
    description: "Unity Catalog reads and writes the buckets of the agent by this role",
    trust: (facts, actual) => unityTrustPolicy(name, accountOf(facts), principalsOf(facts, actual)),
    trustDifference: (facts, actual) => trustDifference(name, facts, actual),
    policyName: "buckets",
    policy: (facts) => unityPolicy(name, accountOf(facts), naming, wish),
    policyDifference: (_, actual) => policyDifference(wish, actual),
    instanceProfile: false,
    // The final trust policy at once: Databricks chooses the external id, so its credential is made first (and goes first).
    needs: [credential],
    outlives: [credential],
    tells: [],
    told: () => ({}),
  };
}

/** What Databricks says; where it is not asked (`--only aws`), what is there already; else a placeholder. */
function principalsOf(facts: FactBook, actual: RoleActual | null) {
  const there = actual === null ? null : principalsThere(actual);
  return {
    externalId: facts.get("externalId") ?? there?.externalId ?? NO_EXTERNAL_ID,
    unityCatalogIamArn: facts.get("unityCatalogIamArn") ?? there?.unityCatalogIamArn ?? DATABRICKS_ROLE_ARN,
  };
}

type Principals = { readonly externalId: string; readonly unityCatalogIamArn: string };

/** The external id with which Databricks is let in, or null. */
export function externalIdIn(actual: RoleActual): string | null {
  return principalsThere(actual)?.externalId ?? null;
}

/**
 * The external id and the role of Databricks in a trust policy of either form; null where there is not one of each. Only of
 * statements that name Databricks' role: others may have conditions of their own.
 */
function principalsThere({ trust }: RoleActual): Principals | null {
  const pairs = statementsOf(trust)
    .filter((one) => one.Effect === "Allow")
    .flatMap(({ Principal, Condition }) => {
      const masters = stringsIn(Principal).filter((arn) => /:role\/unity-catalog-/.test(arn));
      const ids = Object.entries(Condition?.["StringEquals"] ?? {}).flatMap(([key, value]) =>
        key.toLowerCase() === "sts:externalid" ? stringsIn(value) : [],
      );
      return masters.flatMap((unityCatalogIamArn) => ids.map((externalId) => ({ externalId, unityCatalogIamArn })));
    });
  const [first] = pairs;
  if (first === undefined || pairs.some((one) => canonical(one) !== canonical(first))) return null;
  return first;
}

function trustDifference(name: string, facts: FactBook, actual: RoleActual): string | null {
  const there = principalsThere(actual);
  if (facts.isPending("externalId")) return `external id: ${there?.externalId ?? "none"} -> known after apply`;
  const wanted = principalsOf(facts, actual);
  if (canonical(actual.trust) === canonical(unityTrustPolicy(name, accountOf(facts), wanted))) return null;
  const open = openTo(actual.trust);
  if (open !== null) return open;
  if (there !== null && there.externalId !== wanted.externalId) {
    return `external id: ${there.externalId} -> ${wanted.externalId}`;
  }
  if (there !== null && there.unityCatalogIamArn !== wanted.unityCatalogIamArn) {
    return `Databricks' role: ${there.unityCatalogIamArn} -> ${wanted.unityCatalogIamArn}`;
  }
  const own = roleArn(name, accountOf(facts));
  if (!stringsIn(actual.trust).includes(own)) return "the role may not assume itself, which Databricks demands";
  return "differs from what Unity Catalog needs";
}

function policyDifference(wish: AwsWish, actual: PolicyDocument): string {
  const said = new Set(statementsOf(actual).flatMap((one) => stringsIn(one.Resource)));
  const buckets = BUCKET_USES.map((use) => bucketName(use, wish.naming));
  const missing = buckets.filter((bucket) => ![...said].some((arn) => arn.endsWith(`:${bucket}/*`)));
  if (missing.length > 0) return `${missing.length === 1 ? "bucket" : "buckets"} ${missing.join(", ")} missing`;
  const known = (arn: string) => buckets.some((bucket) => arn.endsWith(`:${bucket}`) || arn.endsWith(`:${bucket}/*`));
  const extra = [...said].filter((arn) => /:s3:::/.test(arn) && !known(arn));
  return extra.length > 0 ? `${extra.join(", ")} not wanted` : "differs from what Unity Catalog needs";
}
