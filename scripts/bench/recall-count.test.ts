import { expect, test } from "bun:test";
import { ReadingBlock } from "../../src/core/reading.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../src/core/sensor.ts";
import { Recall } from "./recall-count.ts";

const catalogue = new SensorCatalogue();

/** One block for each list of readings: sensor, label, and the rules that it broke. */
function* judged(...blocks: readonly (readonly [sensor: string, type: string | null, ...rules: string[]])[][]) {
  const block = new ReadingBlock(20);
  for (const readings of blocks) {
    block.clear();
    for (const [name, anomalyType, ...rules] of readings) {
      const sensor = catalogue.internSensor(
        IDENTITY_COLUMNS.map((column) => (column === "sensor_id" ? name : null)),
        [],
      );
      const label = catalogue.internLabel({ statusCode: 0, anomalyFlag: anomalyType === null ? 0 : 1, anomalyType });
      const row = block.add(sensor, 0, label);
      const what = { severity: "warning", reason: "", observed: null, limit: null, window: null } as const;
      if (rules.length > 0)
        block.findings.set(
          row,
          rules.map((rule) => ({ rule, ...what })),
        );
    }
    yield block;
  }
}

test("recall is by reading and by episode, precision over all that was found and by rule", () => {
  const blocks = () =>
    judged(
      [
        ["a", null],
        ["a", "stuck"],
        ["b", "spike", "range", "flag"],
        ["a", "stuck"],
      ],
      [
        ["a", "stuck", "stuck"],
        ["b", null, "range"],
        ["b", "spike"],
        ["a", "stuck", "stuck"],
        ["a", null],
      ],
    );
  const reportOf = (counts?: (rule: string) => boolean) => {
    const recall = new Recall(catalogue, counts);
    for (const block of blocks()) recall.add(block);
    return recall.report();
  };
  expect(reportOf((rule) => rule !== "flag")).toEqual({
    readings: 9,
    any: { type: null, readings: 6, caught: 3, recall: 0.5, precision: 0.75 },
    types: [
      {
        type: "spike",
        readings: 2,
        caught: 1,
        recall: 0.5,
        precision: 0.5,
        episodes: 2,
        episodesFound: 1,
        episodeRecall: 0.5,
      },
      {
        type: "stuck",
        readings: 4,
        caught: 2,
        recall: 0.5,
        precision: 2 / 3,
        episodes: 1,
        episodesFound: 1,
        episodeRecall: 1,
      },
    ],
    rules: [
      { rule: "range", broken: 2, byType: { spike: 1 }, precision: 0.5 },
      { rule: "stuck", broken: 2, byType: { stuck: 2 }, precision: 1 },
    ],
  });
  expect(reportOf().rules.map(({ rule }) => rule)).toEqual(["flag", "range", "stuck"]);
  expect(new Recall(catalogue).report().any.precision).toBeNull();
});
