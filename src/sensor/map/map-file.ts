/**
 * A map file: how a foreign record becomes readings, as data. `docs/mapping.md` is its manual, file-shape.ts has its keys. A file is taken
 * whole or not at all.
 */

import { dirname, resolve } from "node:path";
import { type JsonFileKind, parseJsonFile, readJsonFile } from "../../core/outside/json-file.ts";
import { object } from "../../core/outside/shape.ts";
import type { Profile } from "../../core/profile.ts";
import { LookupsOfMap } from "../lookup/lookups-of-map.ts";
import { AbsentValues } from "../row/absent.ts";
import type { Mapping } from "../row/fields.ts";
import { timeRulesOf } from "../time/time-shape.ts";
import { checkMap } from "./check.ts";
import { computed } from "./compute.ts";
import { mappedFieldOf } from "./field-shape.ts";
import { MAP, type MapFile } from "./file-shape.ts";
import { Glob, isGlob } from "./pattern.ts";
import { shapeOfMap } from "./shape-of-map.ts";

/** `profiles`: those that rows may have; a measure of any of them may be mapped to. Null: they are not known. */
function mapKind(profiles: readonly Profile[] | null, lookups: LookupsOfMap): JsonFileKind<MapFile> {
  return {
    name: "map",
    missing: "there is no such file",
    tryHint: "agent config check",
    shape: object(MAP, (map, complain) => {
      checkMap(map, profiles, complain);
      lookups.open(map.lookup ?? [], complain);
    }),
  };
}

/** The map file at `path`, seen from `cwd`. Throws a UsageError that lists every problem, each with its place. */
export function loadMapping(path: string, profiles: readonly Profile[] | null, cwd: string = process.cwd()): Mapping {
  const lookups = new LookupsOfMap(dirname(resolve(cwd, path)));
  return mappingOf(readJsonFile(mapKind(profiles, lookups), path, cwd), lookups);
}

/** The same from a text that is already here. Tables that it names are beside `file`. */
export function parseMapping(text: string, file: string, profiles: readonly Profile[] | null): Mapping {
  const lookups = new LookupsOfMap(dirname(resolve(file)));
  return mappingOf(parseJsonFile(mapKind(profiles, lookups), text, file), lookups);
}

function mappingOf(map: MapFile, lookups: LookupsOfMap): Mapping {
  const fields = new Map([...map.fields].map(([name, said]) => [name, mappedFieldOf(said)]));
  // The units' names are read like fields, and kept like fields that the map does not name.
  const unitsFrom = [...fields.values()].flatMap(({ unitFrom }) => unitFrom ?? []);
  const constants = Object.entries(map.constants).flatMap(([name, value]): [string, string | number][] => {
    if (value === undefined) return [];
    return [[name, typeof value === "string" ? value.toWellFormed() : value]];
  });
  const computing = Array.from(map.compute, ([to, expression]) => computed(to, expression));
  const makers = [...computing, ...lookups.opened];
  const drop = typeof map.drop === "string" ? [] : map.drop;
  return {
    shape: shapeOfMap({ ...map, makers, fields: [...fields.keys(), ...unitsFrom, ...map.timestamp.from], drop }),
    fields,
    constants: new Map(constants),
    drop: new Set(drop.filter((name) => !isGlob(name))),
    dropGlobs: drop.filter(isGlob).map((glob) => new Glob(glob)),
    dropRest: map.drop === "rest",
    onlyMapped: map.only === "mapped",
    // What else would a decimal mark be for.
    textNumbers: map.text_numbers || map.decimal !== undefined,
    decimal: map.decimal ?? null,
    csv: map.csv ?? null,
    absent: new AbsentValues(map.absent),
    time: timeRulesOf(map.timestamp),
  };
}
