/** Places in S3 as Unity Catalog compares them: with or without a slash at the end they are one. */
import { invalid } from "./problem.ts";

/** Throws unless it is `s3://bucket` or `s3://bucket/path`; returns it without a slash at its end. */
export function checkedUrl(url: string): string {
  const parts = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(\/.*)?$/.exec(url);
  if (parts === null) throw invalid(`The storage path '${url}' is invalid: it must be s3://<bucket>/<path>.`);
  // "Databricks does not support S3 bucket names with dots" (docs.databricks.com, external locations on S3).
  if (parts[1]!.includes(".")) throw invalid(`Bucket names with dot notation are not supported: '${url}'.`);
  if (/\/\/|\/\.\.?(\/|$)/.test(parts[2] ?? "")) throw invalid(`The storage path '${url}' is not normalised.`);
  return url.replace(/\/+$/, "");
}

export const contains = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(`${outer}/`);
export const overlaps = (one: string, other: string): boolean => contains(one, other) || contains(other, one);

export function bucketOf(url: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket = "", prefix = ""] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(url) ?? [];
  return { bucket, prefix };
}
