/** The page's delivery in a real browser: a store that goes away and comes back, what waits meanwhile, and a restart. */
import { afterAll, expect } from "bun:test";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testWith } from "../../testing/needs.ts";
import { closeBrowser, Window } from "../../testing/page/browser.ts";
import { DashboardAgent } from "../../testing/page/dashboard-agent.ts";

const test = testWith("binary", "chromium");
afterAll(closeBrowser);

test("an uplink that goes down and comes back is seen: state, error, band, failures, rows that wait and go out", async () => {
  const agent = await DashboardAgent.start({ env: { AGENT_BACKOFF_MAX_MS: "1s" } });
  const window = await Window.open(agent.address);
  await window.show("delivery");
  await window.sees("No reading that the agent accepted was lost.");
  await window.sees("The store took every object that was sent.");
  await window.page.locator(".band .link-up").first().waitFor();
  expect(await window.barriers()).toEqual([]);
  expect(await window.isTooWide()).toBe(false);
  const lake = join(agent.folder, "lake");
  // A file in the place of the folder: no object can be stored, by root neither.
  renameSync(lake, `${lake}.away`);
  writeFileSync(lake, "");
  await window.page.locator(".uplink-state .badge.critical").waitFor();
  await window.page.locator(".band .link-down, .band .link-partly").first().waitFor();
  await window.page.getByRole("tab", { name: "failures" }).click();
  await window.page.locator(".step-bar.critical[height]:not([height='0'])").first().waitFor();
  expect(await window.page.locator("main .problem").count()).toBeGreaterThan(0);
  expect(await window.barriers()).toEqual([]);
  await window.picture("delivery-down");
  rmSync(lake);
  renameSync(`${lake}.away`, lake);
  await window.page.locator(".uplink-state .badge.ok").waitFor();
  await window.page.getByRole("tab", { name: "rows" }).click();
  await window.page.locator(".step-bar[height]:not([height='0'])").first().waitFor();
  await window.sees(/down for \d/);
  window.isAgentAway = true;
  await agent.kill();
  await agent.begin();
  await window.page.reload();
  window.isAgentAway = false;
  await window.show("delivery");
  // What was sent before the restart is known from the buffer; whether the uplink was up is not.
  await window.page.locator(".band .link-unknown").first().waitFor();
  await window.page.locator(".step-bar[height]:not([height='0'])").first().waitFor();
  await window.close();
  const phone = await Window.open(agent.address, { width: 360, height: 800, scheme: "dark" });
  await phone.show("delivery");
  await phone.sees("By stage");
  expect([await phone.isTooWide(), await phone.barriers()]).toEqual([false, []]);
  await phone.close();
  await agent.close();
});
