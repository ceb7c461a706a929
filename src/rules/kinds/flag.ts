/** `{"flag": {"field": "anomaly_flag", "equals": 1}}`: the sensor itself reports a fault. */

import { about, made, textOr } from "../../core/outside/composed-shapes.ts";
import { didYouMean } from "../../core/outside/did-you-mean.ts";
import { shortText, text } from "../../core/outside/scalar-shapes.ts";
import { object } from "../../core/outside/shape.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { type Label, LIMITS } from "../../core/sensor.ts";
import type { Columns } from "../columns.ts";
import type { Broken, BrokenRow, Condition, ConditionJudge, ConditionKind } from "../condition.ts";
import { LABEL_FIELDS, type LabelField, MEASURE_NAME, RESERVED_FIELDS } from "../field-names.ts";
import { NUMBER } from "./fields.ts";

const VALUE_OF: Record<LabelField, (label: Label) => string | number | null> = {
  status_code: (label) => label.statusCode,
  anomaly_flag: (label) => label.anomalyFlag,
  anomaly_type: (label) => label.anomalyType,
};

const FIELD_EXPECTED = `${LABEL_FIELDS.join(", ")} or a measure`;

const shape = about(
  object(
    {
      field: text(MEASURE_NAME, FIELD_EXPECTED, (field) => {
        if (isLabel(field)) return null;
        if (RESERVED_FIELDS.has(field)) return `must be ${FIELD_EXPECTED}, not "${field}"`;
        // Any other name may be a measure, but a slip of a label's name is far more likely.
        const meant = didYouMean(field, LABEL_FIELDS);
        return meant === "" ? null : `cannot be "${field}"${meant}`;
      }),
      equals: textOr(shortText(LIMITS.textLength), NUMBER, {
        expects: "a text or a number",
        isOther: (value) => typeof value === "number",
      }),
    },
    ({ field, equals }, complain) => {
      if (field === undefined || equals === undefined) return;
      const [wanted, fits] = wantedOf(field, equals);
      if (!fits) complain("equals", `must be ${wanted}, because "field" is "${field}"`);
    },
  ),
  "What the sensor says about itself: anomaly_flag, status_code or anomaly_type, or a measure that is a switch",
);

function isLabel(field: string): field is LabelField {
  return LABEL_FIELDS.some((label) => label === field);
}

/** What a field can equal at all, and whether this is such a value. */
function wantedOf(field: string, equals: string | number): [wanted: string, fits: boolean] {
  if (field === "anomaly_type") return ["a text", typeof equals === "string"];
  if (field === "anomaly_flag") return ["0 or 1", equals === 0 || equals === 1];
  if (field === "status_code") return ["a whole number", Number.isSafeInteger(equals)];
  return ["a number", typeof equals === "number"];
}

function conditionOf(field: string, equals: string | number): Condition {
  if (isLabel(field)) return { measures: [], compile: (columns) => byLabel(columns, field, equals) };
  // The shape lets only numbers through for a measure.
  return { measures: [field], compile: (columns) => byMeasure(columns, field, Number(equals)) };
}

/** A label is judged once, when it is first seen; a reading only looks it up. */
function byLabel(columns: Columns, field: LabelField, equals: string | number): ConditionJudge {
  const { labels } = columns.catalogue;
  const limit = `not ${equals}`;
  let breaks = new Uint8Array(64);
  let seen = 0;
  const learn = (): void => {
    if (labels.length > breaks.length) {
      const grown = new Uint8Array(labels.length * 2);
      grown.set(breaks);
      breaks = grown;
    }
    for (const label of labels.slice(seen)) breaks[seen++] = VALUE_OF[field](label) === equals ? 1 : 0;
  };
  return {
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      if (seen < labels.length) learn();
      const { count, sensor, label } = block;
      for (let row = 0; row < count; row++) {
        const handle = label[row]!;
        if (handle < 0 || breaks[handle] === 0 || applies[sensor[row]!] !== 1) continue;
        const type = field === "anomaly_type" ? null : (labels[handle]?.anomalyType ?? null);
        const reason = `${field} is ${equals}${type === null ? "" : ` (anomaly_type ${type})`}`;
        broken(row, { reason, observed: equals, limit, window: null });
      }
    },
  };
}

function byMeasure(columns: Columns, measure: string, equals: number): ConditionJudge {
  const ref = columns.measure(measure);
  const what: Broken = { reason: `${measure} is ${equals}`, observed: equals, limit: `not ${equals}`, window: null };
  return {
    judge(block: ReadingBlock, applies: Uint8Array, broken: BrokenRow): void {
      const column = columns.column(block, ref);
      const { count, sensor } = block;
      for (let row = 0; row < count; row++) {
        if (column[row] === equals && applies[sensor[row]!] === 1) broken(row, what);
      }
    },
  };
}

export const FLAG: ConditionKind = made(shape, ({ field, equals }) => conditionOf(field, equals));
