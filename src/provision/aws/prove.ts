/** Proofs by real calls with the edge's own key: it puts where it should, and everything else is refused. */
import { STAGES } from "../../core/stage.ts";
import { readKeyFile } from "../key/key-file.ts";
import { bucketName, edgeName } from "../names.ts";
import { IAM_WAIT, pollUntil } from "../poll.ts";
import type { Doing, Proof } from "../resource.ts";
import { type Aws, openAws } from "./clients.ts";
import { answerOf } from "./failure.ts";
import { type AwsWish, accountOf } from "./wish.ts";

export type Env = Readonly<Record<string, string | undefined>>;

const PARTY = "edge key";

export async function proveEdge(admin: Aws, wish: AwsWish, doing: Doing, env: Env): Promise<readonly Proof[]> {
  if (wish.edgeIdentity === "role") {
    const detail = "machines have it; its policy was compared, and not tried from here";
    return [{ party: `edge role ${edgeName(wish.naming)}`, claim: "puts and does nothing else", ok: null, detail }];
  }
  const key = readKeyFile(wish.keyFile)?.key ?? null;
  if (key === null) {
    const detail = `the key is not on this machine (${wish.keyFile}); its policy is as it should be`;
    return [{ party: PARTY, claim: "puts and does nothing else", ok: null, detail }];
  }
  const edge = await openAws({ region: wish.naming.region, env, key });
  try {
    return await tryEdge(admin, edge, wish, doing);
  } finally {
    edge.close();
  }
}

type Attempt = {
  readonly claim: string;
  readonly expects: "done" | "refused" | "there already";
  readonly send: () => Promise<unknown>;
};

/**
 * A probe in each stage bucket, under a name that every reader of a lake skips (`_`), in 1970; deleted again by the caller, who
 * verifies.
 */
async function tryEdge(admin: Aws, edge: Aws, wish: AwsWish, doing: Doing): Promise<readonly Proof[]> {
  const [node = "agent-provision-verify"] = wish.edgeNodes === "*" ? [] : wish.edgeNodes;
  const Key = `date=1970-01-01/hour=00/${node}/_agent-provision-verify-${crypto.randomUUID()}`;
  const { s3Api } = edge;
  const put = (use: Parameters<typeof bucketName>[0], key: string) =>
    edge.s3.send(
      new s3Api.PutObjectCommand({ Bucket: bucketName(use, wish.naming), Key: key, Body: "probe", IfNoneMatch: "*" }),
    );
  const raw = { Bucket: bucketName("raw", wish.naming) };
  const first: Attempt = { claim: `puts into ${raw.Bucket}`, expects: "done", send: () => put("raw", Key) };
  const rest: Attempt[] = [
    ...STAGES.slice(1).map(
      (stage): Attempt => ({
        claim: `puts into ${bucketName(stage, wish.naming)}`,
        expects: "done",
        send: () => put(stage, Key),
      }),
    ),
    { claim: `does not overwrite in ${raw.Bucket}`, expects: "there already", send: () => put("raw", Key) },
    {
      claim: `cannot read ${raw.Bucket}`,
      expects: "refused",
      send: () => edge.s3.send(new s3Api.GetObjectCommand({ ...raw, Key })),
    },
    {
      claim: `cannot list ${raw.Bucket}`,
      expects: "refused",
      send: () => edge.s3.send(new s3Api.ListObjectsV2Command(raw)),
    },
    {
      claim: `cannot delete from ${raw.Bucket}`,
      expects: "refused",
      send: () => edge.s3.send(new s3Api.DeleteObjectCommand({ ...raw, Key })),
    },
    {
      claim: `cannot put beside its keys in ${raw.Bucket}`,
      expects: "refused",
      send: () => put("raw", `other/${Key}`),
    },
    {
      claim: `cannot put into ${bucketName("checkpoints", wish.naming)}`,
      expects: "refused",
      send: () => put("checkpoints", Key),
    },
  ];
  try {
    const proofs = [await patiently(first, doing)];
    for (const one of rest) proofs.push(await proofOf(one));
    return proofs;
  } finally {
    await takeAway(admin, wish, [Key, `other/${Key}`], doing);
  }
}

/** A key and a policy that were just made are not known everywhere yet. */
async function patiently(attempt: Attempt, doing: Doing): Promise<Proof> {
  const last = await pollUntil(
    `the edge's key to be known (account ${accountOf(doing.facts).accountId})`,
    IAM_WAIT,
    doing,
    async () => {
      const proof = await proofOf(attempt);
      return proof.ok || !/InvalidAccessKeyId|AccessDenied|403/.test(proof.detail)
        ? { value: proof }
        : { notYet: proof.detail };
    },
  ).catch((error: unknown) => {
    if (doing.stop.aborted) throw error;
    return null;
  });
  return last ?? (await proofOf(attempt));
}

async function proofOf({ claim, expects, send }: Attempt): Promise<Proof> {
  const proof = (ok: boolean, detail: string): Proof => ({ party: PARTY, claim, ok, detail });
  try {
    await send();
    return proof(expects === "done", expects === "done" ? "done" : "it was allowed");
  } catch (error) {
    const { code, status } = answerOf(error);
    if (status === 403)
      return proof(expects === "refused", expects === "refused" ? "refused (403)" : `refused: ${code}`);
    if (status === 412) return proof(expects === "there already", "it is there already (412)");
    return proof(false, status === undefined ? "no answer" : `${code} (${status})`);
  }
}

/** With every version, so that a versioned bucket is as it was. */
async function takeAway(admin: Aws, wish: AwsWish, keys: readonly string[], doing: Doing): Promise<void> {
  const { emptyBucket } = await import("../bucket/empty.ts");
  const buckets = [...STAGES, "checkpoints" as const].map((use) => bucketName(use, wish.naming));
  await Promise.all(
    buckets.flatMap((bucket) =>
      keys.map((prefix) => emptyBucket(admin, bucket, doing, { prefix, onDeleted: () => undefined })),
    ),
  );
}
