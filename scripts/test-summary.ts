/**
 * The end of scripts/test: the slowest tests and files, each test that failed with its reason, then the last line
 * `N passed, N failed, N skipped`, counted from the JUnit files that `bun test` wrote.
 * `bun scripts/test-summary.ts BROKEN all|some FILE…`: BROKEN is the names of the steps that failed, separated by commas, the
 * runs of tests among them. With `all`, every test file of the repository must be in a report, so that a run that ended
 * early is seen. Exit code 1 when anything failed, and when no test ran.
 */
import { existsSync, readFileSync } from "node:fs";

const SLOWEST = 20;
const MESSAGE_LENGTH = 500;

type Timed = { readonly what: string; readonly seconds: number };
type Report = {
  readonly tests: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cases: readonly Timed[];
  readonly files: readonly Timed[];
  /** The tests that failed: file, name, and why, on one line. */
  readonly failures: readonly string[];
};

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", "#10": "\n" };

function attribute(tag: string, name: string): string {
  const text = new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  return text.replace(/&(lt|gt|quot|apos|amp|#10);/g, (_, entity: string) => ENTITIES[entity] ?? "");
}

function failuresOf(text: string): string[] {
  const found = text.matchAll(/(<testcase\b[^>]*[^>/]>)\s*(<(?:failure|error)\b[^>]*>)/g);
  return [...found].map(([, tag = "", why = ""]) => {
    const message = attribute(why, "message").replaceAll(/\s+/g, " ").trim().slice(0, MESSAGE_LENGTH);
    return `${attribute(tag, "file")}: ${attribute(tag, "name")}${message === "" ? "" : `: ${message}`}`;
  });
}

function readReport(path: string): Report {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const tags = (name: string) => [...text.matchAll(new RegExp(`<${name}\\b[^>]*>`, "g"))].map(([tag]) => tag);
  const count = (name: string) => Number(attribute(tags("testsuites")[0] ?? "", name));
  const timed = (tag: string, what: string): Timed => ({ what, seconds: Number(attribute(tag, "time")) });
  return {
    tests: count("tests"),
    failed: count("failures") + count("errors"),
    skipped: count("skipped"),
    cases: tags("testcase").map((tag) => timed(tag, `${attribute(tag, "file")}: ${attribute(tag, "name")}`)),
    // A suite is a file, or a `describe` in one.
    files: tags("testsuite")
      .filter((tag) => attribute(tag, "name") === attribute(tag, "file"))
      .map((tag) => timed(tag, attribute(tag, "file"))),
    failures: failuresOf(text),
  };
}

function printSlowest(title: string, all: readonly Timed[]): void {
  console.error(`== ${title}`);
  for (const { seconds, what } of all.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)) {
    console.error(`${seconds.toFixed(1).padStart(7)} s  ${what}`);
  }
}

/** The test files of the repository that no report names. */
function unreported(files: readonly Timed[]): string[] {
  const reported = new Set(files.map(({ what }) => what));
  const listed = Bun.spawnSync(["git", "ls-files", "-co", "--exclude-standard", "*.test.ts"]).stdout.toString();
  return listed.split("\n").filter((path) => path !== "" && existsSync(path) && !reported.has(path));
}

const [broken = "", extent, ...paths] = process.argv.slice(2);
const reports = paths.map(readReport);
const sum = (of: (report: Report) => number) => reports.reduce((total, report) => total + of(report), 0);
const files = reports.flatMap((report) => report.files);
printSlowest(
  "slowest tests",
  reports.flatMap(({ cases }) => cases),
);
printSlowest("slowest files", files);

const missing = extent === "all" ? unreported(files) : [];
const brokenSteps = broken.split(",").filter((name) => name !== "");
for (const step of brokenSteps) console.error(`FAILED step ${step}: what it says stands under "== ${step}"`);
for (const path of missing) console.error(`FAILED ${path}: it is in no report`);
for (const failure of reports.flatMap(({ failures }) => failures)) console.error(`FAILED ${failure}`);
const [tests, failedTests, skipped] = [
  sum(({ tests }) => tests),
  sum(({ failed }) => failed),
  sum((one) => one.skipped),
];
// A failed test fails its run too: that one is not counted twice.
const otherSteps = Math.max(0, brokenSteps.length - reports.filter((report) => report.failed > 0).length);
const failed = Math.max(failedTests + otherSteps + missing.length, tests === 0 ? 1 : 0);
console.log(`${tests - failedTests - skipped} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed > 0 ? 1 : 0);
