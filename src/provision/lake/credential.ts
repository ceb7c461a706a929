/**
 * The storage credential: the role of AWS that Unity Catalog works as. It is made before the role is, because Databricks
 * chooses the external id that the role's trust policy must name.
 */
import { UsageError } from "../../core/errors.ts";
import { Credential } from "../../databricks/shapes/securables.ts";
import { partitionOf, roleArn } from "../aws/policies.ts";
import type { FactBook, Facts } from "../facts.ts";
import { BUCKET_USES, bucketName, bucketUrl, credentialName, ID, unityRoleName } from "../names.ts";
import { IAM_WAIT, pollUntil } from "../poll.ts";
import type { Change, Doing, Resource } from "../resource.ts";
import { createThing, foreignByComment, type Lake, listLocations, overlaps, sameUrl, unity } from "./lake.ts";
import { ABOUT, LAKE_ID, marked, sparedByComment } from "./names.ts";
import { SecurableCalls } from "./securable.ts";
import { isLetIn, passes, type Trial, tryCredential } from "./validate.ts";

const CREDENTIALS = "storage-credentials";
const NEEDS = "CREATE_STORAGE_CREDENTIAL on the metastore";

export function credentialResource(lake: Lake): Resource<Credential> {
  const name = credentialName(lake.naming);
  const id = ID.credential(name);
  const securable = credentialCalls(lake);
  return {
    id,
    side: "databricks",
    needs: [],
    tells: ["externalId", "unityCatalogIamArn"],
    read: (doing) => securable.read(doing),
    learn: factsIn,
    foreign: foreignByComment,
    diff: (actual, facts) => [
      ...securable.adoption(actual),
      ...roleChange(lake, actual, facts),
      ...(actual.read_only === true
        ? [
            {
              action: "update" as const,
              because: "read only: on -> off",
              make: async (doing: Doing) =>
                securable.change(actual, doing, { read_only: false, skip_validation: true }),
            },
          ]
        : []),
    ],
    create: async (doing) => {
      const body = {
        name,
        aws_iam_role: { role_arn: roleArnOf(lake, doing.facts) },
        comment: marked(ABOUT.credential),
        read_only: false,
        // The role does not exist yet: its trust policy needs what this call answers.
        skip_validation: true,
      };
      const call = unity(`create ${id}`, "POST", [CREDENTIALS], { body, needs: NEEDS });
      await createThing(lake, call, doing);
    },
    spares: async ({ comment }) => sparedByComment(comment),
    remove: (actual, doing) => securable.remove(actual, doing),
  };
}

function credentialCalls(lake: Lake): SecurableCalls<typeof Credential> {
  const name = credentialName(lake.naming);
  return new SecurableCalls(lake, { id: ID.credential(name), path: [CREDENTIALS, name], shape: Credential });
}

function roleChange(lake: Lake, actual: Credential, facts: FactBook): Change[] {
  const securable = credentialCalls(lake);
  const is = actual.aws_iam_role?.role_arn ?? "none";
  const wanted = knownRoleArn(lake, facts);
  if (wanted === null || is === wanted) return [];
  const make = async (doing: Doing) => {
    const body = { aws_iam_role: { role_arn: roleArnOf(lake, doing.facts) }, skip_validation: true, force: true };
    await securable.change(actual, doing, body);
    // Another role may get another external id: the role must trust the one that is there now.
    doing.facts.learn(factsIn(await securable.read(doing)));
  };
  return [{ action: "update", because: `role: ${is} -> ${wanted}`, make }];
}

function factsIn(actual: Credential | null): Partial<Facts> {
  const { external_id: externalId, unity_catalog_iam_arn: unityCatalogIamArn } = actual?.aws_iam_role ?? {};
  return {
    ...(externalId === undefined ? {} : { externalId }),
    ...(unityCatalogIamArn === undefined ? {} : { unityCatalogIamArn }),
  };
}

/** As the AWS side gives it; without that side, from the account of the settings. */
function roleArnOf(lake: Lake, facts: FactBook): string {
  const known = knownRoleArn(lake, facts);
  if (known !== null) return known;
  const advice = "Leave --only databricks out, or set AGENT_AWS_ACCOUNT_ID";
  throw new UsageError("Cannot name the role of the buckets: the AWS account is not known", {
    advice,
    tryHint: "export AGENT_AWS_ACCOUNT_ID=$(aws sts get-caller-identity --query Account --output text)",
  });
}

function knownRoleArn(lake: Lake, facts: FactBook): string | null {
  const told = facts.get("roleArn");
  const accountId = facts.get("accountId") ?? lake.awsAccountId;
  if (told !== undefined || accountId === null) return told ?? null;
  const partition = facts.get("partition") ?? partitionOf(lake.naming.region);
  return roleArn(unityRoleName(lake.naming), { accountId, partition });
}

/** That the role lets Unity Catalog in: IAM spreads a new role over the world in seconds, or in minutes. */
export function accessResource(lake: Lake): Resource<true> {
  const credential = credentialName(lake.naming);
  return {
    id: LAKE_ID.access(credential),
    side: "databricks",
    needs: [ID.credential(credential), ID.role(unityRoleName(lake.naming)), ID.bucket(bucketName("raw", lake.naming))],
    missing: "Unity Catalog cannot use the role yet",
    read: async (doing) => {
      const known = await credentialCalls(lake).read(doing);
      if (known === null) return null;
      // A plan touches nothing: what writes is tried when the locations are made, and by verify.
      const proofs = await tryCredential(lake, { ...(await trialOf(lake, doing)), readOnly: true }, doing);
      return isLetIn(proofs) ? true : null;
    },
    diff: () => [],
    create: async (doing) => {
      const tried = await trialOf(lake, doing);
      await pollUntil("AWS to let Unity Catalog use the role", IAM_WAIT, doing, () => passes(lake, tried, doing));
    },
  };
}

/**
 * Where the role can be tried. A url that a location holds already is refused, so: by a location that uses the role on one
 * of one of our buckets; else on a bucket that no location holds.
 */
async function trialOf(lake: Lake, doing: Doing): Promise<Trial> {
  const credential = credentialName(lake.naming);
  const all = await listLocations(lake, doing);
  const urls = BUCKET_USES.map((use) => bucketUrl(use, lake.naming));
  const used = all.find(
    (one) => one.credential_name.toLowerCase() === credential && urls.some((url) => sameUrl(one.url, url)),
  );
  if (used !== undefined) return { credential, location: used.name };
  const free = urls.find((url) => !all.some((one) => overlaps(one.url, url)));
  return { credential, url: free ?? bucketUrl("raw", lake.naming) };
}
