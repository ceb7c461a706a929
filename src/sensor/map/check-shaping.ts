/** What the keys that shape records say of each other and of the fields. */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Complain, Partly } from "../../core/outside/shape.ts";
import { isContextName } from "../context.ts";
import type { MapFile } from "./file-shape.ts";

const CONTEXT_NAMES = ["@topic", "@file", "@table", "@key", "@query.NAME", "@header.NAME"] as const;

/** `cameFrom`: those of our names that `fields` leads to. */
export function checkShaping(map: Partly<MapFile>, cameFrom: ReadonlySet<string>, complain: Complain): void {
  for (const [column, pattern] of Object.entries(map.compose ?? {})) {
    if (pattern === undefined) continue;
    const path = `compose.${column}`;
    if (map.constants?.[column] !== undefined) complain(path, "is a constant as well");
    if (cameFrom.has(column)) complain(path, `is made here, and a field leads to "${column}" as well`);
  }
  for (const [from, patterns] of map.extract ?? []) {
    for (const name of patterns.flatMap((pattern) => pattern?.names ?? [])) {
      if (name === undefined || map.fields?.has(name)) continue;
      if (cameFrom.has(name))
        complain(`extract.${from}`, `{${name}} is one of our names, and a field leads to it as well`);
      if (map.constants?.[name] !== undefined) complain(`extract.${from}`, `{${name}} is a constant as well`);
    }
  }
  for (const [path, name] of namesOf(map)) checkContext(path, name, map, complain);
  checkSenml(map, complain);
}

/** Every name of a field in the map, and where it is. */
function namesOf({ fields, extract, compose }: Partly<MapFile>): [path: string, name: string][] {
  const composed = Object.entries(compose ?? {}).flatMap(([column, pattern]) =>
    (pattern?.names ?? []).map((name): [string, string] => [`compose.${column}`, name ?? ""]),
  );
  return [
    ...Array.from(fields?.keys() ?? [], (name): [string, string] => [`fields.${name}`, name]),
    ...Array.from(extract?.keys() ?? [], (name): [string, string] => [`extract.${name}`, name]),
    ...composed,
  ];
}

function checkContext(path: string, name: string, map: Partly<MapFile>, complain: Complain): void {
  if (!name.startsWith("@")) return;
  const [bare = name] = name.split("[");
  if (bare === "@key" && map.each === undefined) {
    complain(path, `"${name}" is known only where "each" makes readings`, "key");
  }
  if (isContextName(bare)) return;
  if (bare === "@query" || bare === "@header") complain(path, `"${name}" has no name behind it: ${bare}.NAME`, "key");
  const near = didYouMean(bare, CONTEXT_NAMES);
  if (near !== "") complain(path, `"${bare}" is not known beside a record${near}`, "key");
}

/** Times of SenML are seconds since 1970, whatever they were in the pack. */
function checkSenml({ each, fields, timestamp }: Partly<MapFile>, complain: Complain): void {
  if (each !== "senml") return;
  const said = fields?.get("t");
  const format = timestamp?.format ?? ["iso"];
  const isSeconds = [format].flat().some((one) => one === "unix_s" || one === "unix");
  if ((typeof said === "string" ? said : said?.to) === "timestamp" && !isSeconds) {
    complain("each", 'makes "t" of a SenML pack, in seconds since 1970: "timestamp" needs "format": "unix_s"');
  }
}

/** Names that the map takes out of texts. */
export function extractedIn({ extract }: Partly<MapFile>): ReadonlySet<string> {
  const patterns = [...(extract?.values() ?? [])].flat();
  return new Set(patterns.flatMap((pattern) => pattern?.names ?? []).filter((name) => name !== undefined));
}
