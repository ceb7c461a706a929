/** Promise 6: the highest revision of each window equals a recomputation from the rows that were delivered. */
import type { Differences } from "./check-readings.ts";
import type { Lake, LakeRow } from "./lake.ts";
import { MEASURES } from "./source-rows.ts";

/** Relative, of the means and deviations; counts and extremes are exact. */
const TOLERANCE = 1e-9;

type Sums = { records: number; anomalies: number; readonly values: Map<string, number[]> };

export function checkWindows(lake: Lake, windowMs: number, differences: Differences): void {
  const expected = recompute(lake, windowMs);
  const latest = latestRevisions(lake.aggregated, differences);
  for (const [where, sums] of expected) {
    const row = latest.get(where);
    if (row === undefined) differences.add(`window ${where} never went out`);
    else compare(where, row, sums, differences);
  }
  for (const where of latest.keys()) {
    if (!expected.has(where)) differences.add(`window ${where} went out, but no reading is in it`);
  }
}

/**
 * The same, where `late` readings came after their window was deleted: windows lack as many, and a window that lacks none is
 * exactly that of a recomputation.
 */
export function checkWindowsBut(late: number, lake: Lake, windowMs: number, differences: Differences): void {
  const expected = recompute(lake, windowMs);
  const latest = latestRevisions(lake.aggregated, differences);
  let lacking = 0;
  for (const [where, sums] of expected) {
    const row = latest.get(where);
    const [records, anomalies] = [Number(row?.["record_count"] ?? 0), Number(row?.["anomaly_count"] ?? 0)];
    lacking += sums.records - records + sums.anomalies - anomalies;
    const isWhole = records >= sums.records && anomalies >= sums.anomalies;
    if (row !== undefined && isWhole) compare(where, row, sums, differences);
  }
  for (const where of latest.keys()) {
    if (!expected.has(where)) differences.add(`window ${where} went out, but no reading is in it`);
  }
  if (lacking !== late) differences.add(`${late} readings are counted as late, and windows lack ${lacking}`);
}

/** `start sensor`: one node and one epoch write here, so this is as good as the window's id. */
const placeOf = (start: unknown, sensorId: unknown) => `${String(start)} ${String(sensorId)}`;

/** A window goes out again only with more readings than before, and each of its revisions arrives. */
function checkRevisions(rows: readonly LakeRow[], differences: Differences): void {
  const windows = new Map<string, Map<number, number>>();
  for (const row of rows) {
    const totals = windows.get(String(row["window_start"])) ?? new Map<number, number>();
    windows.set(String(row["window_start"]), totals);
    const revision = Number(row["revision"]);
    totals.set(revision, (totals.get(revision) ?? 0) + Number(row["record_count"]) + Number(row["anomaly_count"]));
  }
  for (const [start, totals] of windows) {
    for (let revision = 0; revision < totals.size; revision++) {
      const [before = 0, is] = [totals.get(revision - 1), totals.get(revision)];
      if (is === undefined) differences.add(`window ${start} has no revision ${revision}`);
      else if (is <= before) differences.add(`window ${start} r${revision} has ${is} readings, and ${before} before`);
    }
  }
}

function latestRevisions(rows: readonly LakeRow[], differences: Differences): Map<string, LakeRow> {
  checkRevisions(rows, differences);
  const latest = new Map<string, LakeRow>();
  const seen = new Set<string>();
  const idOf = new Map<string, unknown>();
  for (const row of rows) {
    const where = placeOf(row["window_start"], row["sensor_id"]);
    const revision = `${where} r${row["revision"]}`;
    if (seen.has(revision)) differences.add(`window ${revision} went out twice`);
    seen.add(revision);
    if ((idOf.get(where) ?? row["window_id"]) !== row["window_id"]) differences.add(`window ${where} has two ids`);
    idOf.set(where, row["window_id"]);
    const known = latest.get(where);
    if (known === undefined || Number(row["revision"]) > Number(known["revision"])) latest.set(where, row);
  }
  return latest;
}

function recompute(lake: Lake, windowMs: number): Map<string, Sums> {
  const windows = new Map<string, Sums>();
  const sumsOf = (row: LakeRow): Sums => {
    const start = Math.floor(Date.parse(String(row["timestamp"])) / windowMs) * windowMs;
    const where = placeOf(new Date(start).toISOString(), row["sensor_id"]);
    const known = windows.get(where);
    if (known !== undefined) return known;
    const sums: Sums = { records: 0, anomalies: 0, values: new Map() };
    windows.set(where, sums);
    return sums;
  };
  for (const row of lake.validated) {
    const sums = sumsOf(row);
    sums.records++;
    for (const name of MEASURES) {
      const value = row[name];
      if (typeof value !== "number") continue;
      const values = sums.values.get(name) ?? [];
      values.push(value);
      sums.values.set(name, values);
    }
  }
  // A malformed row has no sensor, and is in no window.
  for (const row of lake.anomalies) if (row["sensor_id"] !== null) sumsOf(row).anomalies++;
  return windows;
}

function compare(where: string, row: LakeRow, sums: Sums, differences: Differences): void {
  const report = (what: string, is: unknown, should: unknown) =>
    differences.add(`window ${where} r${row["revision"]}: ${what} is ${String(is)}, recomputed ${String(should)}`);
  if (row["record_count"] !== sums.records) report("record_count", row["record_count"], sums.records);
  if (row["anomaly_count"] !== sums.anomalies) report("anomaly_count", row["anomaly_count"], sums.anomalies);
  for (const name of MEASURES) {
    const should = statistics(sums.values.get(name) ?? []);
    const largest = Math.max(Math.abs(should.min ?? 0), Math.abs(should.max ?? 0));
    for (const what of ["min", "max"] as const) {
      const is = row[`${what}_${name}`];
      if (is !== should[what]) report(`${what}_${name}`, is, should[what]);
    }
    for (const what of ["avg", "stddev"] as const) {
      const is = row[`${what}_${name}`];
      if (!near(is, should[what], largest)) report(`${what}_${name}`, is, should[what]);
    }
  }
}

/** In two passes over the values themselves: slow, and as exact as it gets. stddev is of the sample (n − 1). */
function statistics(values: readonly number[]) {
  const n = values.length;
  if (n === 0) return { min: null, max: null, avg: null, stddev: null };
  const avg = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - avg) ** 2, 0);
  return {
    min: Math.min(...values),
    max: Math.max(...values),
    avg,
    stddev: n > 1 ? Math.sqrt(squares / (n - 1)) : null,
  };
}

/** `largest` of the values: a mean near zero and a deviation of nearly equal values are as inexact as they are large. */
function near(is: unknown, should: number | null, largest: number): boolean {
  if (is === null || should === null || typeof is !== "number") return is === should;
  return Math.abs(is - should) <= TOLERANCE * Math.max(Math.abs(should), largest * 1e-3);
}
