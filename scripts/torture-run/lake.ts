/** The objects as any reader finds them: listed, unzipped (all members), parsed. No code of the agent's in between. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

export const STAGES = ["raw", "validated", "anomalies", "schematized", "aggregated"] as const;
export type Stage = (typeof STAGES)[number];
export type LakeRow = Readonly<Record<string, unknown>>;
export type Lake = Readonly<Record<Stage, LakeRow[]>> & { readonly objects: number };
/** An object of a stage: its key, and its body as it is stored. */
export type Stored = { readonly stage: Stage; readonly key: string; readonly body: Uint8Array };

export const BUCKET_PREFIX = "torture";
export const REGION = "us-west-2";
const bucketOf = (stage: Stage) => `${BUCKET_PREFIX}-${stage}-data-${REGION}`;

/** Also checks the facts in a key: as many rows as it counts, and only rows of its hour and its range. */
export async function readLake(objects: AsyncIterable<Stored>): Promise<Lake> {
  const rows: Record<Stage, LakeRow[]> = { raw: [], validated: [], anomalies: [], schematized: [], aggregated: [] };
  let count = 0;
  for await (const { stage, key, body } of objects) {
    count++;
    const found = rowsIn(stage, key, body);
    const wrong = keyProblem(stage, key, found);
    if (wrong !== null) throw new Error(`${stage}/${key}: ${wrong}`);
    for (const row of found) rows[stage].push(row);
  }
  return { ...rows, objects: count };
}

export function rowsIn(stage: Stage, key: string, body: Uint8Array): readonly LakeRow[] {
  try {
    const lines = gunzipSync(body).toString("utf8").split("\n");
    if (lines.pop() !== "") throw new Error("it does not end with a line's end");
    return lines.map((line) => JSON.parse(line) as LakeRow);
  } catch (error) {
    throw new Error(`${stage}/${key} is not a whole object: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export async function* objectsInFolder(root: string): AsyncIterable<Stored> {
  for (const stage of STAGES) {
    const bucket = join(root, bucketOf(stage));
    // Nothing was delivered into it yet.
    if (!existsSync(bucket)) continue;
    for (const entry of readdirSync(bucket, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const key = path.slice(bucket.length + 1);
      if (entry.isFile() && !key.startsWith(".")) yield { stage, key, body: readFileSync(path) };
    }
  }
}

export async function* objectsInS3(endpoint: string, env: Readonly<Record<string, string>>): AsyncIterable<Stored> {
  const { GetObjectCommand, paginateListObjectsV2, S3Client } = await import("@aws-sdk/client-s3");
  const credentials = {
    accessKeyId: env["AWS_ACCESS_KEY_ID"] ?? "",
    secretAccessKey: env["AWS_SECRET_ACCESS_KEY"] ?? "",
  };
  const client = new S3Client({ region: REGION, endpoint, forcePathStyle: true, credentials });
  for (const stage of STAGES) {
    for await (const page of paginateListObjectsV2({ client }, { Bucket: bucketOf(stage) })) {
      for (const { Key: key = "" } of page.Contents ?? []) {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucketOf(stage), Key: key }));
        yield { stage, key, body: await Body!.transformToByteArray() };
      }
    }
  }
  client.destroy();
}

function keyProblem(stage: Stage, key: string, rows: readonly LakeRow[]): string | null {
  const parts = /^date=([\d-]+)\/hour=(\d\d)\/[^/]+\/[^/.]+\.(?:(\d{12})-(\d{12})|\w+\.r\d+)\.(\d+)\.json\.gz$/.exec(
    key,
  );
  if (parts === null) return "this is not a key";
  const [, date, hour, first, last, count] = parts;
  if (Number(count) !== rows.length) return `${rows.length} rows inside`;
  for (const row of rows) {
    const time = String(stage === "aggregated" ? row["window_start"] : row["timestamp"]);
    if (!time.startsWith(`${date}T${hour}`)) return `a row of ${time}`;
    const seq = Number(String(row["reading_id"]).split("-")[1]);
    if (first !== undefined && !(seq >= Number(first) && seq <= Number(last))) return `a row with seq ${seq}`;
  }
  return null;
}
