import { expect, test } from "bun:test";
import { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { type CheckedExpression, checkExpression } from "../cel/check.ts";
import { compileExpression } from "../cel/compile.ts";
import { Columns } from "../columns.ts";
import { judgeOf } from "../kinds/expression.ts";
import type { Case, Fields, Outcome } from "./case.ts";
import * as logic from "./logic.ts";
import * as numbers from "./numbers.ts";
import * as patterns from "./patterns.ts";
import * as texts from "./texts.ts";
import * as times from "./times.ts";

const TABLES: Readonly<Record<string, readonly Case[]>> = { ...numbers, ...texts, ...logic, ...times, ...patterns };

function isBroken(expression: CheckedExpression, fields: Fields, compiled: boolean): boolean {
  const catalogue = new SensorCatalogue();
  const block = new ReadingBlock(1);
  const identity = IDENTITY_COLUMNS.map((column) =>
    column === "location" || column === "model" ? (fields[column] ?? null) : null,
  );
  const label = catalogue.internLabel({ statusCode: fields.status_code ?? null, anomalyFlag: null, anomalyType: null });
  const time = fields.timestamp === undefined ? 0 : Date.parse(fields.timestamp);
  const row = block.add(catalogue.internSensor(identity, ["a", "b"]), time, label);
  for (const name of ["a", "b"] as const) block.column(catalogue.slotOf(name))[row] = fields[name] ?? Number.NaN;
  const columns = new Columns(catalogue);
  columns.grow();
  let broken = false;
  judgeOf(expression, columns, compiled).judge(block, Uint8Array.of(0, 1), () => {
    broken = true;
  });
  return broken;
}

/** An expression without a field is refused as a rule: a choice that reads one gives it one. */
function ofAField(text: string): string {
  const checked = checkExpression(text);
  const hasNone = "message" in checked && checked.message.includes("reads no field");
  return hasNone ? `timestamp.getFullYear() == -1 ? true : (${text})` : text;
}

function outcomeOf(text: string, fields: Fields, compiled: boolean): Outcome {
  const [yes, no] = [checkExpression(ofAField(text)), checkExpression(`!(${ofAField(text)}\n)`)];
  if ("message" in yes || "message" in no) {
    if ("message" in yes && !yes.message.includes("reads no field")) return "refused";
    throw new Error(`${text} is refused for a reason of this test`);
  }
  const [isTrue, isFalse] = [isBroken(yes, fields, compiled), isBroken(no, fields, compiled)];
  if (isTrue && isFalse) throw new Error(`${text} is true and false`);
  return isTrue ? true : isFalse ? false : "error";
}

function wrongOf(cases: readonly Case[], compiled: boolean): readonly unknown[] {
  return cases.flatMap(([text, outcome, fields = {}]) => {
    const found = outcomeOf(text, fields, compiled);
    return found === outcome ? [] : [{ text, fields, outcome, found }];
  });
}

for (const [name, cases] of Object.entries(TABLES)) {
  for (const compiled of [true, false]) {
    test(`CEL: ${name.toLowerCase().replaceAll("_", " ")}, ${compiled ? "compiled" : "interpreted"}`, () => {
      expect(wrongOf(cases, compiled)).toEqual([]);
    });
  }
}

test("no verdict depends on the time zone of the machine", () => {
  const before = process.env["TZ"];
  const hours = new Set<number>();
  try {
    for (const zone of ["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]) {
      process.env["TZ"] = zone;
      // The machine's zone is another one now, in every part of this process.
      hours.add(new Date(Date.UTC(2024, 6, 1)).getHours() * 60 + new Date(Date.UTC(2024, 6, 1)).getMinutes());
      for (const cases of Object.values(times)) {
        for (const compiled of [true, false]) expect([zone, ...wrongOf(cases, compiled)]).toEqual([zone]);
      }
    }
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
  expect(hours.size).toBe(5);
});

test("a good part of the table is compiled", () => {
  const all = Object.values(TABLES).flat();
  const compiled = all.filter(([text]) => {
    const checked = checkExpression(text);
    return !("message" in checked) && compileExpression(checked) !== undefined;
  });
  expect(all.length).toBeGreaterThan(450);
  expect(compiled.length).toBeGreaterThan(200);
});
