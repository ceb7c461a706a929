/** What the keys of a map file say of each other, and of the profiles that its rows may have. */
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { Complain, Partly } from "../../core/outside/shape.ts";
import type { Profile } from "../../core/profile.ts";
import { targetNames, unitProblem } from "../row/fields.ts";
import type { Conversion, MapFile } from "./file-shape.ts";

export function checkMap(map: Partly<MapFile>, profiles: readonly Profile[] | null, complain: Complain): void {
  const targets = profiles === null ? null : targetNames(profiles);
  const cameFrom = new Map<string, string>();
  for (const [name, conversion] of entriesOf(map.fields)) {
    const path = `fields.${name}`;
    const { to } = conversion;
    if (Array.isArray(map.drop) && map.drop.includes(name)) complain(path, "is in drop as well", "key");
    if (targets !== null && !targets.has(to)) {
      const near = didYouMean(to, targets);
      complain(path, `"${to}" is neither a measure of the profile nor a column of a reading${near}`);
      continue;
    }
    const earlier = cameFrom.get(to);
    if (earlier !== undefined) complain(path, `leads to "${to}", and so does "${earlier}"`);
    cameFrom.set(to, name);
    if (map.constants?.[to] !== undefined) complain(path, `leads to "${to}", which is a constant as well`);
    checkConversion(conversion, profiles ?? [], (relative, what) => complain(`${path}${relative}`, what));
  }
  if (map.only === undefined) return;
  const needed = [
    ["timestamp", 'map a field to "timestamp"'],
    ["sensor_id", 'map a field to "sensor_id", or make it a constant'],
  ] as const;
  for (const [name, what] of needed) {
    if (!cameFrom.has(name) && map.constants?.[name] === undefined)
      complain("only", `no row would have a ${name}: ${what}`);
  }
}

function checkConversion(conversion: Conversion, profiles: readonly Profile[], complain: Complain): void {
  const { to, unit, scale, offset } = conversion;
  if (unit === undefined && scale === undefined && offset === undefined) return;
  const measures = profiles.flatMap((profile) => profile.measures).filter(({ name }) => name === to);
  if (measures.length === 0 && profiles.length > 0) {
    complain("", `unit, scale and offset are for measures, and "${to}" is not one`);
  }
  if (unit === undefined) return;
  for (const measure of measures) {
    const why = unitProblem(unit, measure);
    if (why !== null) complain(".unit", why);
  }
}

/** What the file says about each foreign field, where it could be read; `"x": "y"` is short for `"x": {"to": "y"}`. */
export function entriesOf(
  fields: ReadonlyMap<string, string | Partly<Conversion>> | undefined,
): [name: string, Conversion][] {
  return [...(fields ?? [])].flatMap(([name, said]): [string, Conversion][] => {
    const { to, unit, scale, offset } = typeof said === "string" ? { to: said } : said;
    return to === undefined ? [] : [[name, { to, unit, scale, offset }]];
  });
}
