/** The page of the compiled binary in a real browser. */
import { afterAll, afterEach, expect } from "bun:test";
import { ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { closeBrowser, Window } from "../../testing/page/browser.ts";
import { DashboardAgent, type DashboardOptions } from "../../testing/page/dashboard-agent.ts";

const pageTest = testWith("binary", "chromium");
const GOOD_RULE = { name: "too-warm", when: { range: { measure: "temperature", max: 22 } } };

let agent: DashboardAgent | null = null;
let windows: Window[] = [];

afterEach(async () => {
  const open = windows;
  windows = [];
  await agent?.close();
  agent = null;
  for (const window of open) await window.page.context().close();
}, 600_000);
afterAll(closeBrowser);

async function start(options: DashboardOptions = {}): Promise<DashboardAgent> {
  agent = await DashboardAgent.start(options);
  return agent;
}

async function open(address: string, look: Parameters<typeof Window.open>[1] = {}): Promise<Window> {
  const window = await Window.open(address, look);
  windows.push(window);
  return window;
}

/** Waits until `is` holds of what `read` gives, and returns that. */
async function until<T>(read: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  for (const giveUp = performance.now() + ENOUGH_MS; ; await Bun.sleep(100)) {
    const value = await read();
    if (is(value)) return value;
    if (performance.now() > giveUp) throw new Error(`It never came: ${JSON.stringify(value)}`);
  }
}

const textOf = async (window: Window, selector: string) =>
  (await window.page.locator(selector).first().textContent()) ?? "";

pageTest(
  "the page opens without a complaint, and its numbers are live",
  async () => {
    const { address } = await start();
    const window = await open(address);
    await window.sees("This agent takes readings from 4 sensors");
    expect(await window.page.title()).toBe("node-1 · agent");
    expect(await textOf(window, ".health")).toBe("healthy");
    const facts = await textOf(window, ".facts");
    expect(facts).toMatch(/^node node-1 · up .* · [\d,]+ readings? accepted, 0 lost · .*live$/s);
    await until(
      () => textOf(window, ".facts"),
      (text) => /[\d,]+ readings/.exec(text)?.[0] !== /[\d,]+ readings/.exec(facts)?.[0],
    );
    for (const station of ["Sensors", "This device", "Five stages", "Store"]) {
      await window.page.getByRole("region", { name: station, exact: true }).waitFor();
    }
    // Rows reach the store.
    await until(
      () => textOf(window, '[aria-label="Store"]'),
      (text) => /[1-9][\d,]* rows delivered/.test(text),
    );
    expect(await window.colours(".flow")).toBeGreaterThan(20);
    await window.close();
  },
  600_000,
);

pageTest(
  "no view has a barrier, in light and dark, on a phone and on a desk, and none scrolls sideways",
  async () => {
    const { address } = await start();
    for (const scheme of ["light", "dark"] as const) {
      for (const width of [360, 1_440]) {
        const window = await open(address, { width, scheme });
        await window.sees("This agent takes readings from 4 sensors");
        const links = await window.page.locator("nav a").all();
        const views = await Promise.all(links.map(async (link) => (await link.getAttribute("href")) ?? ""));
        expect(views.length).toBeGreaterThan(1);
        for (const view of views) {
          await window.show(view.slice(1));
          const found = { view, scheme, width, barriers: await window.barriers(), wide: await window.isTooWide() };
          await window.picture(`view-${view.slice(1)}-${scheme}-${width}`);
          expect(found).toEqual({ view, scheme, width, barriers: [], wide: false });
        }
        await window.close();
      }
    }
  },
  600_000,
);

pageTest(
  "a refused rule file is shown with its file, line and column, and is gone when it is corrected",
  async () => {
    const { address } = await start({ files: { "rules/a.json": GOOD_RULE } });
    const window = await open(address);
    await window.sees("judges each by 1 rule");
    agent?.write(
      "rules/b.json",
      '{\n  "name": "b",\n  "when": { "range": { "measure": "temperature", "maxx": 1 } }\n}\n',
    );
    await window.sees(/rules\/b\.json:3:\d+: /);
    await window.sees("agent rules check");
    expect(await textOf(window, ".health")).toBe("1 problem");
    expect(await window.page.title()).toBe("⚠ 1 problem · node-1");
    expect(await window.barriers()).toEqual([]);
    await window.picture("rule-refused");
    agent?.write("rules/b.json", { name: "b", when: { range: { measure: "temperature", max: 1 } } });
    await window.sees("judges each by 2 rules");
    await until(
      () => textOf(window, ".health"),
      (text) => text === "healthy",
    );
    await window.close();
  },
  600_000,
);

pageTest(
  "a page that is open while the agent is killed and starts again says so, and comes back by itself",
  async () => {
    const running = await start();
    const window = await open(running.address);
    await window.sees("This agent takes readings from 4 sensors");
    const before = await textOf(window, ".facts");
    window.isAgentAway = true;
    await running.kill();
    await window.sees("There is no answer from the agent since");
    expect(await window.page.title()).toBe("⚠ no answer · node-1");
    expect(await textOf(window, ".health")).toBe("no answer");
    // What was known is still there.
    expect(await textOf(window, ".facts")).toContain(/[\d,]+ readings/.exec(before)?.[0] ?? "?");
    expect(await window.barriers()).toEqual([]);
    await window.picture("no-answer");
    await running.begin();
    await until(
      () => textOf(window, ".health"),
      (text) => text === "healthy",
    );
    expect(await window.page.locator(".lost-bar").count()).toBe(0);
    window.isAgentAway = false;
    await until(
      () => textOf(window, ".facts"),
      (text) => text.includes("live"),
    );
    await window.close();
  },
  600_000,
);

pageTest(
  "settings are found by a word of their meaning, and the zone of times is kept",
  async () => {
    const { address } = await start({ env: { AWS_SECRET_ACCESS_KEY: "hush-hush", AWS_ACCESS_KEY_ID: "AKID" } });
    const window = await open(`${address}#settings`);
    await window.page.getByRole("searchbox").fill("secret access");
    await window.sees("AWS_SECRET_ACCESS_KEY");
    await window.sees("set; the agent does not show it");
    expect(await window.page.content()).not.toContain("hush-hush");
    await window.page.getByLabel("Times in").selectOption("Asia/Tokyo");
    await window.page.reload();
    expect(await window.page.getByLabel("Times in").inputValue()).toBe("Asia/Tokyo");
    await window.close();
  },
  600_000,
);
