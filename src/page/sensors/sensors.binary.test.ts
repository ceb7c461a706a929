/** Charts and anomalies of the compiled binary, in a real browser. */
import { afterAll, afterEach, expect } from "bun:test";
import { testWith } from "../../testing/needs.ts";
import { closeBrowser, Window } from "../../testing/page/browser.ts";
import { DashboardAgent } from "../../testing/page/dashboard-agent.ts";

const pageTest = testWith("binary", "chromium");
const RULE = { name: "never-so-warm", severity: "critical", when: { range: { measure: "temperature", max: -40 } } };

let agent: DashboardAgent | null = null;
afterEach(async () => {
  await agent?.close();
  agent = null;
}, 600_000);
afterAll(closeBrowser);

pageTest(
  "charts draw what was taken before the page was opened, are found by a word, and pause",
  async () => {
    agent = await DashboardAgent.start();
    // The first readings are taken and delivered before anyone looks.
    const before = await Window.open(agent.address);
    await before.sees(/[1-9][\d,]* rows delivered/);
    await before.close();
    const window = await Window.open(`${agent.address}#sensors`, { height: 700 });
    await window.sees("20 charts of 4 sensors");
    const plot = ".tile canvas";
    await window.page.locator(plot).first().waitFor();
    for (let colours = 0; colours < 10; ) colours = await window.colours(plot);
    await window.page.getByRole("searchbox").fill("humidity");
    await window.sees("4 charts of 4 sensors");
    expect(await window.page.locator(".tile").count()).toBe(4);
    await window.page.getByRole("button", { name: "Pause" }).click();
    await window.page.getByRole("button", { name: /Continue|Resume/ }).waitFor();
    await window.picture("sensors");
    await window.close();
  },
  600_000,
);

pageTest(
  "an anomaly appears with its reason, on a phone too, and a click shows why with the chart around it",
  async () => {
    agent = await DashboardAgent.start({ files: { "rules/warm.json": RULE } });
    const window = await Window.open(`${agent.address}#anomalies`, { width: 360, height: 800, scheme: "dark" });
    await window.sees(/temperature -?[\d.]+ is above -40/);
    await window.page.locator(".episode-row").first().click();
    await window.page.locator(".why-rule").first().waitFor();
    expect(await window.page.locator(".why").textContent()).toContain("never-so-warm");
    await window.page.locator(".episode-charts canvas").first().waitFor();
    expect([await window.barriers(), await window.isTooWide()]).toEqual([[], false]);
    await window.picture("why");
    await window.close();
  },
  600_000,
);
