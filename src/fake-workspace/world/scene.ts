/** What most tests of Unity Catalog begin with, asked for by the public API. */
import { type ApiAnswer, type Ask, UC } from "../wire/ask.ts";

export const ROLE_ARN = "arn:aws:iam::123456789012:role/lake";

export const makeCredential = (ask: Ask, name = "lake"): Promise<ApiAnswer> =>
  ask(`POST ${UC}/storage-credentials`, { name, aws_iam_role: { role_arn: ROLE_ARN }, skip_validation: true });

export const makeLocation = (ask: Ask, name: string, url: string, more: object = {}): Promise<ApiAnswer> =>
  ask(`POST ${UC}/external-locations`, {
    name,
    url,
    credential_name: "lake",
    skip_validation: true,
    enable_file_events: false,
    ...more,
  });

/** Credential lake, locations root and raw, catalog acme with schema sensors. Throws when one of them is refused. */
export async function makeCatalog(ask: Ask): Promise<void> {
  const made = [
    await makeCredential(ask),
    await makeLocation(ask, "root", "s3://acme-root"),
    await makeLocation(ask, "raw", "s3://acme-raw"),
    await ask(`POST ${UC}/catalogs`, { name: "acme", storage_root: "s3://acme-root/uc" }),
    await ask(`POST ${UC}/schemas`, { name: "sensors", catalog_name: "acme" }),
  ];
  const refused = made.find(({ status }) => status !== 200);
  if (refused !== undefined) throw new Error(`Cannot make the scene: ${JSON.stringify(refused.body)}`);
}
