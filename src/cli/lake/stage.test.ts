import { expect, test } from "bun:test";
import { stagesNamed } from "./stage.ts";

test("a stage is named by itself or by its table, once; any other name is refused with those that there are", () => {
  const example = "agent provision run --rebuild raw";
  expect(stagesNamed("", example)).toEqual([]);
  expect(stagesNamed("raw, c.s.sensor_readings_validated,sensor_readings_ingestion", example)).toEqual([
    "raw",
    "validated",
  ]);
  expect(() => stagesNamed("raw,sensor_readings", example)).toThrow(
    'Cannot find stage "sensor_readings": the stages are raw, validated, anomalies, schematized, aggregated',
  );
});
