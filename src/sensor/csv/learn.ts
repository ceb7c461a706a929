/** From a row that the slow path has read as a good reading to the template that later lines like it match. */
import { COMMA, DOT, SPACE } from "../../core/ascii.ts";
import type { Field } from "../row/fields.ts";
import type { Normalizer, Plan } from "../row/normalize.ts";
import type { CsvColumn, CsvGap, CsvGapKind } from "./template.ts";

/** A column whose cells are the same in all rows of a template. */
export const FIXED = "fixed";
export type ColumnReading = CsvColumn | typeof FIXED;

/** How each column is read for the rows of a plan; null where only the slow path can read them. */
export function columnsOf(
  names: readonly string[],
  plan: Plan,
  normalizer: Normalizer,
): readonly ColumnReading[] | null {
  const used = columnsInTexts(new Set(names), plan, normalizer);
  if (used === null || normalizer.otherNames.isOpenIn(new Set(names))) return null;
  // A name that is a whole number would change its place among the unknown fields.
  if (names.some((name) => /^\d+$/.test(name))) return null;
  const columns: ColumnReading[] = [];
  for (const name of names) {
    const field = plan.fields.get(name);
    const isFixed = used.has(name) || field?.kind === "identity";
    const column = isFixed
      ? FIXED
      : field === undefined
        ? unknown(name, normalizer)
        : columnOf(field, plan, normalizer);
    if (column === null) return null;
    columns.push(column);
  }
  const many = (...kinds: CsvGapKind[]) =>
    columns.filter((column) => column !== FIXED && kinds.includes(column.kind)).length;
  const parts = normalizer.mapping.time.from.length;
  const [wholes, needed] = [many("time", "timeNumber"), parts > 1 ? 0 : 1];
  return wholes === needed && many("timePart") === (parts > 1 ? parts : 0) ? columns : null;
}

/**
 * The columns of which the map makes identity columns: `compose`, `extract`. They are the same in all rows of a template, as what is
 * known beside the rows is. Null where the map shapes records in another way.
 */
function columnsInTexts(names: ReadonlySet<string>, plan: Plan, normalizer: Normalizer): ReadonlySet<string> | null {
  const { shape } = normalizer.mapping;
  const used = new Set<string>();
  if (shape === null) return used;
  if (shape.isSenml || shape.wide !== null) return null;
  if ([shape.each, shape.where, shape.makers].some((parts) => parts.length > 0)) return null;
  const extracted = new Set(shape.extract.flatMap(({ patterns }) => patterns.flatMap((pattern) => pattern.names)));
  const parts = shape.compose.flatMap(({ parts: each }) => [...each.values()]);
  for (const { text } of [...shape.extract.map(({ from }) => from), ...parts]) if (names.has(text)) used.add(text);
  const isIdentity = (name: string) => plan.fields.get(name)?.kind === "identity";
  const composed = new Set(parts.map(({ text }) => text));
  // A path that is no column's name has a value only where it is of what is known beside the rows.
  const beside = shape.paths.flatMap(({ text }) => (names.has(text) || !text.startsWith("@") ? [] : [text]));
  const made = [...extracted].filter((name) => !composed.has(name));
  const typed = normalizer.foreignNames("sensor_type");
  const isTyped = (name: string) => typed.includes(name) || name === "sensor_type";
  if ([...beside, ...made].some((name) => !isIdentity(name) || isTyped(name))) return null;
  if (shape.compose.some(({ to }) => isTyped(to)) || [...extracted].some((name) => names.has(name))) return null;
  const isOther = (name: string) => plan.fields.get(name) !== undefined && !isIdentity(name);
  return [...used].some(isOther) ? null : used;
}

function unknown(name: string, { mapping }: Normalizer): CsvColumn {
  const key = `${JSON.stringify(name)}:`;
  return { kind: "extra", slot: -1, adjust: null, absent: mapping.absent, mark: DOT, key, part: -1 };
}

function columnOf(field: Field, plan: Plan, normalizer: Normalizer): CsvColumn | null {
  const { timestamps } = normalizer;
  const { words, unitFrom, textNumbers, absent, decimal } = field.reads;
  if (field.kind === "identity") return null;
  const mark = decimal === "," ? COMMA : DOT;
  const column = (kind: CsvGapKind): CsvColumn => ({ kind, slot: -1, adjust: null, absent, mark, key: "", part: -1 });
  if (field.kind === "drop") return column("skip");
  if (words !== null || unitFrom !== null || !textNumbers) return null;
  // With a decimal comma, such a text may look like another number than it is.
  if (mark === COMMA && absent.given.some((value) => typeof value === "string" && /\d/.test(value))) return null;
  if (field.kind === "measure") {
    const { adjust, index } = field;
    return { kind: "measure", slot: plan.slots[index] ?? -1, adjust, absent, mark, key: "", part: -1 };
  }
  // What such a field's own keys mean, only the slow path knows.
  if (field.fast === "none") return null;
  switch (field.kind) {
    case "timestamp":
      return column(timestamps.textual ? "time" : "timeNumber");
    case "timePart":
      return { kind: "timePart", slot: -1, adjust: null, absent, mark, key: "", part: field.index };
    case "status":
      return { kind: "status", slot: -1, adjust: absentAsNaN(absent), absent, mark, key: "", part: -1 };
    case "flag":
      return absent.has(0) || absent.has(1) ? null : column("flag");
    case "type":
      return column("type");
  }
}

function absentAsNaN(absent: CsvColumn["absent"]): CsvColumn["adjust"] {
  return absent.size === 0 ? null : (value) => (absent.has(value) ? Number.NaN : value);
}

/** The gaps of a row; null where it cannot be a model for others: a cell in quotes that is not plain, or fewer cells. */
export function gapsOf(
  line: Buffer,
  columns: readonly ColumnReading[],
  { delimiter, quote }: { readonly delimiter: number; readonly quote: number },
): readonly CsvGap[] | null {
  const gaps: CsvGap[] = [];
  let at = 0;
  for (const [i, column] of columns.entries()) {
    const isQuoted = quote >= 0 && line[at] === quote;
    const from = isQuoted ? at + 1 : at;
    const stop = isQuoted ? quote : delimiter;
    const found = line.indexOf(stop, from);
    if (isQuoted && found < 0) return null;
    const to = found < 0 ? line.length : found;
    const end = isQuoted ? to + 1 : to;
    const isLast = i === columns.length - 1;
    if (isLast ? end !== line.length : line[end] !== delimiter) return null;
    if (line[from] === SPACE || line[to - 1] === SPACE) return null;
    if (column !== FIXED) addGap(gaps, { column, from, to, stop, cells: 1 });
    at = end + 1;
  }
  return gaps;
}

/** Cells next to each other that are left out are one gap. */
function addGap(gaps: CsvGap[], gap: CsvGap): void {
  const last = gaps.at(-1);
  const isRun =
    last?.column.kind === "skip" && gap.column.kind === "skip" && last.stop === gap.stop && last.to + 1 === gap.from;
  if (isRun && last !== undefined) gaps[gaps.length - 1] = { ...last, to: gap.to, cells: last.cells + 1 };
  else gaps.push(gap);
}
