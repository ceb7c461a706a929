/** The SQL console as a person uses it: the compiled binary, a browser, and files that other programs open. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ENOUGH_MS } from "../../testing/agent-process.ts";
import { canRun, testWith } from "../../testing/needs.ts";
import { closeBrowser, Window } from "../../testing/page/browser.ts";
import { DashboardAgent } from "../../testing/page/dashboard-agent.ts";
import { namedQuestions } from "./questions.ts";

setDefaultTimeout(2 * ENOUGH_MS);
const readers = testWith("binary", "chromium");
const READINGS = 100_000;

let agent: DashboardAgent | null = null;
let window: Window | null = null;
beforeAll(async () => {
  if (!canRun("binary", "chromium")) return;
  const source = `simulator:?sensors=40&rate=max&count=${READINGS}&anomaly=0.03&seed=5`;
  // The sensors' times are the past's, so that the charts have minutes and hours.
  const args = ["--source", `${source}&start=2026-11-23T08:00:00Z`, "--source", "file:none/*.ndjson"];
  // The second one keeps it running when the first one has ended.
  agent = await DashboardAgent.start({ args });
  const stored = async () => {
    const answer = await fetch(`${agent?.address}api/snapshot/size?readings=${READINGS}`);
    return answer.ok ? ((await answer.json()) as { readings: number }).readings : 0;
  };
  for (const giveUp = performance.now() + ENOUGH_MS; (await stored()) < READINGS; await Bun.sleep(100))
    if (performance.now() > giveUp) throw new Error(`The readings are not there: ${agent.heard}`);
  window = await Window.open(`${agent.address}#sql`);
});
afterAll(async () => {
  await window?.close();
  await closeBrowser();
  await agent?.close();
});

const isThere = () => existsSync(join(agent!.folder, "agent-data/snapshot.db"));
const page = () => window!.page;

/** In the place of what was there: a browser that replaces coloured text keeps its colour in an inline style, which the page's policy refuses. */
async function type(sql: string): Promise<void> {
  const editor = page().getByRole("textbox", { name: "Question in SQL" });
  await editor.press("Control+a");
  await editor.press("Delete");
  await editor.fill(sql);
  await page().keyboard.press("Escape");
}

/** Asks in the editor, by keys, and waits for the answer or the error. */
async function ask(sql: string): Promise<string> {
  await type(sql);
  await page().keyboard.press("Control+Enter");
  return answered(sql);
}

/** What is said of the answer to this question. */
async function answered(sql: string): Promise<string> {
  // Not by waitForFunction: the page's policy lets no text become a function.
  const said = `[...document.querySelectorAll("[data-question]")].find(
    (one) => one.dataset.question === ${JSON.stringify(sql)} && /in your browser|SQL error/.test(one.textContent))?.textContent ?? null`;
  for (const giveUp = performance.now() + ENOUGH_MS; performance.now() < giveUp; await Bun.sleep(50)) {
    const text = await page().evaluate<string | null>(said);
    if (text !== null) return text;
  }
  throw new Error(`There is no answer to ${sql}`);
}

/** The text of the cells, row by row. */
const cells = () =>
  page().evaluate<string[][]>(
    `[...document.querySelectorAll(".answer-table tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent))`,
  );

async function downloaded(button: string): Promise<string> {
  const [download] = await Promise.all([
    page().waitForEvent("download"),
    page().getByRole("button", { name: button }).click(),
  ]);
  return (await download.path()) ?? "";
}

readers("a snapshot is taken, and its size is shown before and after", async () => {
  await window!.sees(/About .* MiB: 100,000 readings since .*all that the buffer holds/);
  expect(await window!.barriers()).toEqual([]);
  await page().getByRole("button", { name: "Take snapshot" }).click();
  await window!.sees(/^Taken .*, 100,000 readings, .* MiB$/);
  expect(isThere()).toBe(false);
});

readers("a join over 100,000 readings is answered in the browser, by keys alone", async () => {
  const facts = await ask(
    "SELECT s.location, count(*) AS readings, count(DISTINCT a.id) AS anomalies FROM sensor_readings s LEFT JOIN anomalies a ON a.id = s.id GROUP BY 1",
  );
  expect(facts).toContain("the device was not asked");
  const rows = await cells();
  const anomalies = rows.reduce((sum, row) => sum + Number(row[2]), 0);
  expect(rows.reduce((sum, row) => sum + Number(row[1]), 0)).toBeGreaterThanOrEqual(READINGS);
  expect(anomalies).toBeGreaterThan(1_000);
});

readers("every question that is ready to run has an answer, and a chart where it has times", async () => {
  const choice = page().getByLabel("Ready to run");
  const questions = namedQuestions(["temperature", "humidity", "pressure", "vibration", "voltage"]);
  expect(await choice.locator("option").count()).toBe(questions.length + 1);
  for (const { name, sql } of questions.toReversed()) {
    await choice.selectOption(name);
    expect([name, await answered(sql)]).toEqual([name, expect.stringMatching(/^(No rows|[\d,]+ rows?) in /)]);
  }
  // The last one, which is the first in the list, is the average by minute.
  await page().locator(".answer-canvas canvas").waitFor();
  expect(await window!.colours(".answer-canvas")).toBeGreaterThan(4);
  await window!.picture("sql-light");
});

readers("an answer sorts, turns its pages, says where it was cut, and shows NULL as such", async () => {
  const facts = await ask("SELECT id, temperature, NULL AS absent, '' AS empty FROM sensor_readings");
  expect(facts).toStartWith("First 10,000 of 100,000 rows in");
  expect((await cells())[0]?.slice(2)).toEqual(["NULL", ""]);
  await page().getByRole("button", { name: "Next" }).click();
  expect((await cells())[0]?.[0]).toBe("51");
  await page().getByRole("button", { name: /^id/ }).click();
  expect((await cells())[0]?.[0]).toBe("10000");
  expect(await window!.barriers()).toEqual([]);
});

readers("a question that is wrong shows what and where, and the next one is answered", async () => {
  expect(await ask("SELECT count(*),\n  FROM sensor_readings")).toContain(
    'Line 2, column 3: near "FROM": syntax error',
  );
  expect(await ask("SELECT sensor_id,\n  temprature FROM sensor_readings")).toContain(
    "Line 2, column 3: no such column: temprature",
  );
  expect(await ask("SELECT 41 AS answer")).toStartWith("1 row in");
});

readers("a question without end is stopped: what it found stays, and the next one is answered", async () => {
  await type("SELECT a.id FROM reading r, sensor_readings a");
  await page().getByRole("button", { name: "Run" }).click();
  await window!.sees(/counting the rest/);
  await page().getByRole("button", { name: "Stop" }).click();
  await window!.sees(/First 10,000 of more than .*; it was stopped/);
  expect(await ask("SELECT count(*) AS readings FROM reading")).toStartWith("1 row in");
  expect(await cells()).toEqual([[String(READINGS)]]);
});

readers("the CSV has all rows, and values as they are; the SQLite file opens in other programs", async () => {
  await ask("SELECT id, '=1+1' AS formula, 'a \"b\", c' AS quoted, NULL AS absent FROM sensor_readings ORDER BY id");
  const csv = readFileSync(await downloaded("Download all rows as CSV"), "utf8").split("\r\n");
  expect(csv.length).toBe(READINGS + 2);
  expect(csv.slice(0, 2)).toEqual(["id,formula,quoted,absent", '1,"=1+1","a ""b"", c",']);
  const file = await downloaded("Download as SQLite file");
  const db = new Database(file, { readonly: true });
  expect(db.query("SELECT count(*) AS n, count(DISTINCT sensor_id) AS s FROM sensor_readings").get()).toEqual({
    n: READINGS,
    s: 40,
  });
  expect(db.query("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  db.close();
  const program = Bun.which("sqlite3");
  if (program === null) return;
  const asked = Bun.spawnSync([program, file, "SELECT count(*) FROM anomalies WHERE rule IS NOT NULL"]);
  expect(Number(asked.stdout.toString())).toBeGreaterThan(1_000);
});

readers("on a phone, in the dark, nothing is too wide and nothing is out of reach", async () => {
  const phone = await Window.open(`${agent!.address}#sql`, { width: 360, height: 740, scheme: "dark" });
  await phone.page.getByRole("button", { name: "Take snapshot" }).click();
  await phone.sees(/^Taken .*100,000 readings/);
  await phone.page.getByLabel("Ready to run").selectOption("newest_anomalies");
  await phone.sees(/in your browser/);
  expect(await phone.isTooWide()).toBe(false);
  expect(await phone.barriers()).toEqual([]);
  await phone.picture("sql-dark-360");
  await phone.close();
});

readers("one snapshot at a time: a second browser is refused, and says why; cancelled, it may", async () => {
  const first = new AbortController();
  const making = fetch(`${agent!.address}api/snapshot?readings=${READINGS}`, { signal: first.signal }).catch(
    () => null,
  );
  let second = await fetch(`${agent!.address}api/snapshot?readings=10`);
  for (let tries = 0; second.status === 200 && tries < 50; tries++) {
    await second.arrayBuffer();
    second = await fetch(`${agent!.address}api/snapshot?readings=10`);
  }
  expect([second.status, await second.text()]).toEqual([429, expect.stringContaining("another one is under way")]);
  first.abort();
  await making;
  const isFree = async () => {
    const answer = await fetch(`${agent!.address}api/snapshot?readings=10`);
    await answer.arrayBuffer();
    return answer.ok;
  };
  for (const giveUp = performance.now() + ENOUGH_MS; !(await isFree()) || isThere(); await Bun.sleep(50))
    if (performance.now() > giveUp) throw new Error("It is not free again");
});
