import { expect, test } from "bun:test";
import { type LogEntry, makeLog } from "../../core/log/log.ts";
import { ReadingBlock } from "../../core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { ValueWatch } from "./values.ts";

const lines: LogEntry[] = [];
const log = makeLog({ least: "info", secrets: [], now: () => 0, write: (entry) => lines.push(entry) });
const codes = () => lines.splice(0).map(({ code }) => code);

type GivenReading = {
  readonly temperature?: number;
  readonly status?: number;
  readonly extra?: string;
  readonly bad?: string;
};

function watch(most = 0.5) {
  const catalogue = new SensorCatalogue();
  const slot = catalogue.slotOf("temperature");
  const identity = IDENTITY_COLUMNS.map((name) => (name === "sensor_id" ? "a" : null));
  const values = new ValueWatch("stdin:", catalogue, most);
  const take = (count: number, { temperature, status, extra, bad }: GivenReading) => {
    const block = new ReadingBlock(count);
    const label = catalogue.internLabel({ statusCode: status ?? null, anomalyFlag: null, anomalyType: null });
    for (let i = 0; i < count; i++) {
      const row = block.add(catalogue.internSensor(identity, ["temperature"]), 0, label);
      if (temperature !== undefined) block.column(slot)[row] = temperature;
      if (extra !== undefined) block.addExtra(row, extra);
      if (bad !== undefined) {
        const detail = `humidity is text "${bad}", a number was expected`;
        block.addFlaw({ reason: "wrong_type", field: "humidity", detail, count: 1 });
      }
    }
    values.add(block, 0);
    values.report(log);
    return values.problems().map(({ code }) => code);
  };
  return { values, take };
}

test("readings of which none has a measure are a problem that names their fields, until one has", () => {
  const { values, take } = watch();
  expect(take(99, { extra: '{"temperatur":21,"rssi":-70}' })).toEqual([]);
  expect(take(1, { extra: '{"temperatur":21}' })).toEqual(["no_measures"]);
  expect(values.problems()[0]?.message).toBe(
    'None of 100 readings from "stdin:" has a measure, and no rule can judge them. They have "temperatur" (did you mean temperature?), "rssi", which a map can read as a measure of the profile',
  );
  expect(take(1, { temperature: 20 })).toEqual([]);
  expect(take(500, { extra: '{"temperatur":21}' })).toEqual([]);
  expect(codes()).toEqual(["no_measures", "input_recovered"]);
});

test("few readings are judged at the end of the input; a status, or nothing at all, is no mistake of names", () => {
  for (const [given, count, expected] of [
    [{ extra: '{"Temp":21}' }, 3, ["no_measures"]],
    [{ extra: '{"Temp":21}' }, 2, []],
    [{ extra: '{"Temp":21}', status: 0 }, 300, []],
    [{}, 300, []],
  ] as const) {
    const { values, take } = watch();
    take(count, given);
    values.end();
    expect(values.problems().map(({ code }) => code)).toEqual([...expected]);
  }
  codes();
});

test("a field that cannot be read in most readings is a problem with the first reason, until it can", () => {
  const { values, take } = watch();
  expect(take(2, { temperature: 20, bad: "21.5" })).toEqual([]);
  expect(take(300, { temperature: 20, bad: "22.5" })).toEqual(["field_unreadable"]);
  expect(values.problems()[0]?.message).toBe(
    'Field "humidity" cannot be read in 302 of 302 readings from "stdin:", and is null there; the first: humidity is text "21.5", a number was expected; a map with "text_numbers": true reads it',
  );
  expect(take(1_000, { temperature: 20 })).toEqual([]);
  expect(take(500, { temperature: 20, bad: "on" })).toEqual([]);
  expect(codes()).toEqual(["field_unreadable", "input_recovered"]);
});

test("a field that can be read in half of the readings is counted, and no problem; with 100 % it never is", () => {
  const half = watch();
  for (let i = 0; i < 50; i++) {
    half.take(10, { temperature: 20 });
    expect(half.take(10, { temperature: 20, bad: "nan" })).toEqual([]);
  }
  expect(watch(1).take(300, { temperature: 20, bad: "nan" })).toEqual([]);
  expect(codes()).toEqual([]);
});
