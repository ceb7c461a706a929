/** What the keys of a map file say of each other, and of the profiles that its rows may have. */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Complain, Partly } from "../../core/outside/shape.ts";
import type { Profile } from "../../core/profile.ts";
import { targetNames } from "../row/fields.ts";
import { checkShaping, extractedIn } from "./check-shaping.ts";
import { checkConversion, TEXT_COLUMNS } from "./field-shape.ts";
import type { MapFile } from "./file-shape.ts";

export function checkMap(map: Partly<MapFile>, profiles: readonly Profile[] | null, complain: Complain): void {
  const targets = profiles === null ? null : targetNames(profiles);
  const cameFrom = new Set<string>();
  for (const [name, said] of map.fields ?? []) {
    const path = `fields.${name}`;
    const conversion = typeof said === "string" ? { to: said } : said;
    const { to } = conversion;
    if (to === undefined) continue;
    if (Array.isArray(map.drop) && map.drop.includes(name)) complain(path, "is in drop as well", "key");
    if (targets !== null && !targets.has(to)) {
      const near = didYouMean(to, targets);
      complain(path, `"${to}" is neither a measure of the profile nor a column of a reading${near}`);
      continue;
    }
    cameFrom.add(to);
    if (map.constants?.[to] !== undefined) complain(path, `leads to "${to}", which is a constant as well`);
    checkConversion({ ...conversion, to }, profiles ?? [], (relative, what) => complain(`${path}${relative}`, what));
  }
  checkShaping(map, cameFrom, complain);
  checkComputed(map, { targets, cameFrom, complain });
  for (const to of map.compute?.keys() ?? []) cameFrom.add(to);
  checkTimeFields(map, complain);
  checkLookups(map, { targets, cameFrom, complain });
  if (map.only === undefined) return;
  const hasTime = map.timestamp?.missing === "arrival" || (map.timestamp?.from ?? []).length > 0;
  const needed = [
    ["timestamp", 'map a field to "timestamp"'],
    ["sensor_id", 'map a field to "sensor_id", compose it, or make it a constant'],
  ] as const;
  const extracted = extractedIn(map);
  for (const [name, what] of needed) {
    if ((name === "timestamp" && hasTime) || extracted.has(name)) continue;
    if (!cameFrom.has(name) && map.compose?.[name] === undefined && map.constants?.[name] === undefined)
      complain("only", `no row would have a ${name}: ${what}`);
  }
}

type SoFar = {
  readonly targets: ReadonlySet<string> | null;
  readonly cameFrom: ReadonlySet<string>;
  readonly complain: Complain;
};

function checkComputed(map: Partly<MapFile>, { targets, cameFrom, complain }: SoFar): void {
  for (const [to, expression] of map.compute ?? []) {
    const path = `compute.${to}`;
    if (targets !== null && !targets.has(to)) {
      const near = didYouMean(to, targets);
      complain(path, `"${to}" is neither a measure of the profile nor a column of a reading${near}`, "key");
    }
    if (cameFrom.has(to)) complain(path, `a field leads to "${to}" as well`, "key");
    if (map.constants?.[to] !== undefined) complain(path, `"${to}" is a constant as well`, "key");
    if (Object.hasOwn(map.compose ?? {}, to)) complain(path, `"${to}" is in compose as well`, "key");
    const isText = TEXT_COLUMNS.has(to);
    const type = expression?.type ?? "dyn";
    if (isText && ["int", "uint", "double", "bool"].includes(type))
      complain(path, `"${to}" is text, and this gives ${type}: write string(…)`);
    if (!isText && targets?.has(to) && type === "string" && to !== "timestamp")
      complain(path, `"${to}" is a number, and this gives text`);
  }
}

function checkTimeFields(map: Partly<MapFile>, complain: Complain): void {
  const from = map.timestamp?.from ?? [];
  if (from.length === 0) return;
  if (map.compute?.has("timestamp")) complain("compute.timestamp", "is a timestamp, and so is timestamp.from", "key");
  for (const [name, said] of map.fields ?? []) {
    const to = typeof said === "string" ? said : said.to;
    if (to === "timestamp") complain(`fields.${name}`, 'leads to "timestamp", and so does timestamp.from');
  }
  for (const [at, name] of from.entries()) {
    if (name === undefined) continue;
    const path = `timestamp.from[${at}]`;
    if (Array.isArray(map.drop) && map.drop.includes(name)) complain(path, "is in drop as well");
    if (map.fields?.has(name)) complain(path, "is in fields as well");
  }
}

function checkLookups({ lookup, constants, compose }: Partly<MapFile>, sofar: SoFar & { cameFrom: Set<string> }): void {
  const { targets, cameFrom, complain } = sofar;
  for (const [i, each] of lookup?.entries() ?? []) {
    for (const [column, to] of each?.fields ?? []) {
      const path = `${(lookup?.length ?? 0) > 1 ? `lookup[${i}]` : "lookup"}.fields.${column}`;
      if (to === undefined) continue;
      if (targets !== null && !targets.has(to)) {
        const near = didYouMean(to, targets);
        complain(path, `"${to}" is neither a measure of the profile nor a column of a reading${near}`);
      }
      const isTaken = cameFrom.has(to) || constants?.[to] !== undefined || Object.hasOwn(compose ?? {}, to);
      if (isTaken) complain(path, `leads to "${to}", and so does another key of the map`);
      cameFrom.add(to);
    }
  }
}
