/**
 * The last line of scripts/test: `N passed, N failed, N skipped`, counted from the JUnit file that `bun test` wrote.
 * `bun scripts/test-summary.ts FILE BROKEN`: BROKEN is the number of steps that failed, the run of the tests among them.
 * Exit code 1 when anything failed, and when nothing ran at all.
 */
import { existsSync, readFileSync } from "node:fs";

const [file = "", brokenText = "0"] = process.argv.slice(2);
const report = existsSync(file) ? readFileSync(file, "utf8") : "";
const totals = /<testsuites\b[^>]*>/.exec(report)?.[0] ?? "";

function count(name: string): number {
  return Number(new RegExp(`\\s${name}="(\\d+)"`).exec(totals)?.[1] ?? 0);
}

const [tests, skipped] = [count("tests"), count("skipped")];
const failedTests = count("failures") + count("errors");
// A failed test fails its step too: that one is not counted twice. No report, or no test in it, is a failure by itself.
const broken = Math.max(0, Number(brokenText) - (failedTests > 0 ? 1 : 0));
const failed = Math.max(failedTests + broken, tests === 0 ? 1 : 0);
console.log(`${tests - failedTests - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? 1 : 0);
