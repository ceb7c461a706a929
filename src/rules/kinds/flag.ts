/** `{"flag": {"field": "anomaly_flag", "equals": 1}}`: the sensor itself reports a fault. */

import { didYouMean } from "../../core/outside/did-you-mean.ts";
import type { JsonNode } from "../../core/outside/located-json.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { type Label, LIMITS } from "../../core/sensor.ts";
import type { Columns } from "../columns.ts";
import type { Broken, BrokenRow, Condition, ConditionJudge, ConditionKind } from "../condition.ts";
import { LABEL_FIELDS, type LabelField, MEASURE_NAME, RESERVED_FIELDS, type RuleReader } from "../files/reader.ts";

const keys = ["field", "equals"] as const;
const VALUE_OF: Record<LabelField, (label: Label) => string | number | null> = {
  status_code: (label) => label.statusCode,
  anomaly_flag: (label) => label.anomalyFlag,
  anomaly_type: (label) => label.anomalyType,
};

function read(node: JsonNode, reader: RuleReader): Condition | undefined {
  const fields = reader.fields(node, '"flag"', keys, keys);
  const fieldNode = fields?.get("field");
  const equalsNode = fields?.get("equals");
  const field = fieldNode && readField(fieldNode, reader);
  if (field === undefined || equalsNode === undefined) return undefined;
  if (field === "anomaly_type") {
    const equals = reader.string(equalsNode, '"equals"', LIMITS.textLength);
    return equals === undefined ? undefined : { measures: [], compile: (columns) => byLabel(columns, field, equals) };
  }
  const equals = reader.number(equalsNode, '"equals"');
  if (equals === undefined) return undefined;
  if (field === "anomaly_flag" && equals !== 0 && equals !== 1) {
    return reader.problem(equalsNode.at, "anomaly_flag is 0 or 1");
  }
  if (field === "status_code" || field === "anomaly_flag") {
    return { measures: [], compile: (columns) => byLabel(columns, field, equals) };
  }
  return { measures: [field], compile: (columns) => byMeasure(columns, field, equals) };
}

function readField(node: JsonNode, reader: RuleReader): string | undefined {
  const field = reader.string(node, '"field"');
  if (field === undefined || LABEL_FIELDS.some((label) => label === field)) return field;
  if (MEASURE_NAME.test(field) && !RESERVED_FIELDS.has(field)) {
    // Any other name may be a measure, but a slip of a label's name is far more likely.
    const meant = didYouMean(field, LABEL_FIELDS);
    return meant === "" ? field : reader.problem(node.at, `"field" cannot be "${field}"${meant}`);
  }
  const shown = JSON.stringify(field.slice(0, 80));
  return reader.problem(node.at, `"field" cannot be ${shown}: it is ${LABEL_FIELDS.join(", ")} or a measure`);
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

export const FLAG: ConditionKind = { keys, read };
