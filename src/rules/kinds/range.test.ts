import { expect, test } from "bun:test";
import { agreesWithNaive, broken, findingsOf, MINUTE, NaiveMemory, perSensor, START } from "./stateful.suite.ts";

const at = (minutes: number, value: number | null, sensor = "a", location = "x") => ({
  sensor,
  time: START + minutes * MINUTE,
  value,
  fields: { location },
});

test("overrides: the first that matches the sensor replaces both limits; every other sensor keeps the rule's", () => {
  const rule = {
    when: {
      range: {
        measure: "m",
        min: 0,
        max: 10,
        overrides: [
          { applies_to: { location: "freezer-*" }, max: -15 },
          { applies_to: { location: "freezer-2" }, max: 99 },
          { applies_to: { sensor_id: ["b", "c"] }, min: 5, max: 20 },
        ],
      },
    },
  };
  const samples = [
    at(0, 11),
    at(1, -14, "a", "freezer-2"),
    at(2, -90, "a", "freezer-1"),
    at(3, 15, "b"),
    at(4, 4, "c"),
  ];
  expect(findingsOf(rule, samples).map((finding) => finding?.reason ?? null)).toEqual([
    "m 11 is above 10",
    "m -14 is above -15",
    null,
    null,
    "m 4 is below 5",
  ]);
  expect(findingsOf(rule, samples)[4]?.limit).toBe("5…20");
});

test("deadband: once broken, it stays broken until the value is back inside by that much", () => {
  const rule = { when: { range: { measure: "m", min: 0, max: 60, deadband: 2 } } };
  const values = [59, 61, 59, 58.5, 58, 59, -1, 1, 61, 59, null, 59, 30];
  expect(broken(rule, values)).toEqual([
    ...[false, true, true, true, false, false],
    // From the lower limit to the upper one; an absent value changes nothing.
    ...[true, true, true, true, false, true, false],
  ]);
  const finding = findingsOf(rule, [at(0, 61), at(1, 59)])[1];
  expect(finding).toMatchObject({
    reason: "m 59 was above 60 and is not back to 58",
    observed: 59,
    limit: "0…60",
    window: { back_at: 58 },
  });
});

test("deadband: limits are decimals, and so is what it is back to", () => {
  const rule = { when: { range: { measure: "m", min: 0.1, max: 0.3, deadband: 0.1 } } };
  // In doubles, 0.3 − 0.1 is a little less than 0.2.
  const samples = [0.4, 0.25, 0.2].map((value, minutes) => at(minutes, value));
  expect(findingsOf(rule, samples).map((finding) => finding?.reason ?? null)).toEqual([
    "m 0.4 is above 0.3",
    "m 0.25 was above 0.3 and is not back to 0.2",
    null,
  ]);
});

test("deadband: a late reading is judged by the limits alone and moves nothing", () => {
  const rule = { when: { range: { measure: "m", max: 60, deadband: 2 } } };
  const samples = [at(5, 61), at(3, 59), at(3, 70), at(6, 59)];
  expect(findingsOf(rule, samples).map((finding) => finding !== null)).toEqual([true, false, true, true]);
});

test("deadband finds what a plain implementation finds, for any stream, cut anywhere, over restarts", () => {
  agreesWithNaive({ when: { range: { measure: "m", min: 0.5, max: 8, deadband: 1.5 } } }, () => {
    const of = perSensor(() => new NaiveMemory(() => ({ side: "" })));
    return (sample) => {
      const { value } = sample;
      if (value === null) return false;
      const memory = of(sample).step(sample.time);
      const plain = value < 0.5 ? "low" : value > 8 ? "high" : "";
      if (memory === null) return plain !== "";
      const held = (memory.side === "low" && value < 2) || (memory.side === "high" && value > 6.5);
      memory.side = plain || (held ? memory.side : "");
      return memory.side !== "";
    };
  });
});
