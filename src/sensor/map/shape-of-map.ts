/** From the keys of a map file to how a record becomes readings. */
import { isPlain, pathOf } from "./path.ts";
import { isGlob, type Pattern } from "./pattern.ts";
import type { Composition, EachPath, FieldMaker, RecordShape, WideRule } from "./record-shape.ts";
import type { Condition } from "./where.ts";

export type ShapingKeys = {
  /** The names of fields that the map asks for. */
  readonly fields: Iterable<string>;
  readonly drop: readonly string[];
  readonly where: readonly Condition[];
  readonly extract: ReadonlyMap<string, readonly Pattern[]>;
  readonly each: "senml" | readonly EachPath[] | undefined;
  readonly compose: Readonly<Record<string, Pattern | undefined>>;
  readonly wide: WideRule | undefined;
  readonly makers: readonly FieldMaker[];
};

/** Null where every record is a flat row. */
export function shapeOfMap(keys: ShapingKeys): RecordShape | null {
  const shape: RecordShape = {
    each: keys.each === undefined || keys.each === "senml" ? [] : keys.each,
    isSenml: keys.each === "senml",
    extract: Array.from(keys.extract, ([from, patterns]) => ({ from: pathOf(from), patterns })),
    where: keys.where,
    paths: [
      ...Array.from(keys.fields, pathOf),
      ...(keys.wide === undefined ? [] : [keys.wide.name, keys.wide.value]),
    ].filter((path) => !isPlain(path)),
    drop: keys.drop
      .filter((name) => !isGlob(name))
      .map(pathOf)
      .filter((path) => !isPlain(path)),
    compose: Object.entries(keys.compose).flatMap(([to, pattern]) =>
      pattern === undefined ? [] : [composition(to, pattern)],
    ),
    wide: keys.wide ?? null,
    makers: keys.makers,
  };
  const { each, isSenml, extract, where, paths, drop, compose, makers } = shape;
  const isFlat =
    !isSenml &&
    shape.wide === null &&
    [each, extract, where, paths, drop, compose, makers].every((parts) => parts.length === 0);
  return isFlat ? null : shape;
}

function composition(to: string, pattern: Pattern): Composition {
  return { to, pattern, parts: new Map(pattern.names.map((name) => [name, pathOf(name)])) };
}
