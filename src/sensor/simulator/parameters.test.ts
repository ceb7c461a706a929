import { expect, test } from "bun:test";
import { UsageError } from "../../core/errors.ts";
import { loadProfile } from "../profile/shipped.ts";
import { parseSimulatorUri } from "./parameters.ts";

function problems(uri: string): string[] {
  try {
    parseSimulatorUri(uri);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).tryHint).toContain("simulator:?sensors=5");
    return (error as UsageError).message.split("\n");
  }
}

test("without parameters there are five sensors, one reading a second each, 2 % anomalies and no faults of time", () => {
  expect(parseSimulatorUri("simulator:")).toEqual({
    uri: "simulator:",
    profile: loadProfile("environmental"),
    sensors: 5,
    rateHz: 1,
    count: null,
    startMs: null,
    seed: 1,
    anomaly: 0.02,
    faults: 0,
  });
});

test("every parameter is read, and zero is a value", () => {
  const uri = "simulator:?sensors=50&rate=max&count=0&start=2026-01-31&seed=0&anomaly=0&faults=.5&profile=wind-turbine";
  expect(parseSimulatorUri(uri)).toEqual({
    uri,
    profile: loadProfile("wind-turbine"),
    sensors: 50,
    rateHz: "max",
    count: 0,
    startMs: Date.UTC(2026, 0, 31),
    seed: 0,
    anomaly: 0,
    faults: 0.5,
  });
});

test("a start must be a real moment", () => {
  for (const start of [
    "2026-02-30",
    "2026-13-01",
    "2026-01-31T24:01",
    "2026-01-31T08:00:61Z",
    "31.1.2026",
    "2026-1-31",
  ]) {
    expect(() => parseSimulatorUri(`simulator:?start=${start}`)).toThrow(`not "${start}"`);
  }
  expect(parseSimulatorUri("simulator:?start=2028-02-29").startMs).toBe(Date.UTC(2028, 1, 29));
});

test("a start without a zone is UTC on every machine", () => {
  const start = (text: string) => parseSimulatorUri(`simulator:?start=${encodeURIComponent(text)}`).startMs;
  const eight = Date.UTC(2026, 0, 31, 8);
  expect(["2026-01-31T08:00", "2026-01-31T08:00:00.000Z", "2026-01-31T09:00:00+01:00"].map(start)).toEqual([
    eight,
    eight,
    eight,
  ]);
});

test("the default profile can be another one", () => {
  const profile = loadProfile("wind-turbine");
  expect(parseSimulatorUri("simulator:", { profile }).profile).toBe(profile);
  expect(parseSimulatorUri("simulator:?profile=environmental", { profile }).profile.name).toBe("environmental");
});

test("every wrong parameter is reported at once", () => {
  const uri =
    "simulator:?sensors=0&rate=-1&count=1.5&start=yesterday&seed=x&anomaly=2&faults=&profile=nix&speed=9&rate=1";
  expect(problems(uri).map((line) => line.replace(`Cannot use "${uri}": `, ""))).toEqual([
    'there is no parameter "speed"; known: sensors, rate, count, start, seed, anomaly, profile, faults',
    "rate is given twice",
    'profile: Cannot read profile "nix": it is neither a shipped profile (environmental, wind-turbine) nor a file',
    'sensors must be a whole number from 1 to 99999, not "0"',
    'rate must be a number from 0.00001 to 100000, not "-1"',
    'count must be a whole number from 0 to 1000000000000, not "1.5"',
    'start must be a time such as 2026-01-31T08:00:00Z, not "yesterday"',
    'seed must be a whole number from 0 to 9007199254740991, not "x"',
    'anomaly must be a number from 0 to 1, not "2"',
    'faults must be a number from 0 to 1, not ""',
  ]);
  expect(problems("simulator:sensors=5")[0]).toBe(
    'Cannot use "simulator:sensors=5": it must look like simulator:?sensors=5&rate=1',
  );
});
