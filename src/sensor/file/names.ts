/** What the name of a file says: the context of its records, its format, and of which file it is a rotated one. */
import { basename, dirname } from "node:path";
import type { RecordContext } from "../context.ts";

const DATE = String.raw`(?:19|20)\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])[\d._TZ:-]*`;
/**
 * What a rotation adds to a name: a date, or behind an extension a number or `old`: `app.log-20261130`, `app.log.1`. The 1 of `room.1`
 * or `room-1` may be that of the room.
 */
const ROTATED = new RegExp(
  String.raw`^(.*\.[A-Za-z]\w*?)(?:\.\d[\d._TZ:-]*|[._-](?:${DATE}|old|bak))$|^(.+?)[._-]${DATE}$`,
);
const PACKED = /\.(?:gz|gzip)$/i;
const EXTENSION = /(?<=.)\.[A-Za-z]\w*$/;

/** `@file` and `@path` of its records: `app` and `logs/app.ndjson.1.gz`. */
export function contextOf(path: string): RecordContext {
  return { "@file": unrotated(basename(path)).replace(EXTENSION, ""), "@path": path };
}

/** Files of one base in one folder are the same file under the names that it had: `logs/app.log.2.gz` and `logs/app.log`. */
export function baseOf(path: string): string {
  return `${dirname(path)}/${unrotated(basename(path))}`;
}

const FORMATS: Readonly<Record<string, "csv" | "tsv" | "ndjson">> = {
  ".csv": "csv",
  ".tsv": "tsv",
  ".tab": "tsv",
  ".ndjson": "ndjson",
  ".jsonl": "ndjson",
};

/** By the extension, where the URI says nothing of the format; `auto`: by what is in the file. */
export function formatOf(path: string): "csv" | "tsv" | "ndjson" | "auto" {
  const extension = EXTENSION.exec(unrotated(basename(path)))?.[0].toLowerCase();
  return FORMATS[extension ?? ""] ?? "auto";
}

function unrotated(name: string): string {
  const unpacked = name.replace(PACKED, "") || name;
  const rotated = ROTATED.exec(unpacked);
  return rotated?.[1] ?? rotated?.[2] ?? unpacked;
}
