/**
 * Takes the pictures of the page for the documents, from the compiled binary with simulated sensors: `docs/page-light.png`,
 * `docs/page-dark.png`, `docs/page-network-down.png` and `docs/page-rule-refused.png`.
 *
 *     bun run build && scripts/setup-browser && bun scripts/picture/page.ts
 */
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { closeBrowser, type Look, pictureFolder, Window } from "../../src/testing/page/browser.ts";
import { DashboardAgent } from "../../src/testing/page/dashboard-agent.ts";

const DOCS = join(import.meta.dir, "../../docs");
/** Those that ship: as files, so that one can be broken. */
const RULES = join(import.meta.dir, "../../rules");
const SOURCES = [
  "simulator:?sensors=12&rate=2&anomaly=0&seed=11",
  "simulator:?sensors=6&rate=2&anomaly=0.02&seed=12",
  "simulator:?profile=wind-turbine&sensors=4&rate=2&anomaly=0.02&seed=13",
];
const LOOK: Look = { width: 1_440, height: 700 };
/** So much of a life that charts have a line and the rates of a minute are those of a minute. */
const LIVED_MS = 90_000;

const agent = await DashboardAgent.start({
  args: [...SOURCES.flatMap((source) => ["--source", source]), "--store", "dir:lake"],
  env: { AGENT_NODE_ID: "field-box-3", AGENT_BATCH_MS: "2s", AGENT_WINDOW: "5s" },
  files: Object.fromEntries(
    readdirSync(RULES).map((name) => [`rules/${name}`, readFileSync(join(RULES, name), "utf8")]),
  ),
});

async function take(name: string, sees: string | RegExp, look: Look): Promise<void> {
  const window = await Window.open(agent.address, { ...LOOK, scheme: look.scheme ?? "light" });
  window.isAgentAway = true;
  await window.sees(sees);
  await Bun.sleep(5_000);
  await window.picture(name);
  await window.close();
  copyFileSync(join(pictureFolder(), `${name}.png`), join(DOCS, `${name}.png`));
  console.error(`docs/${name}.png`);
}

try {
  await Bun.sleep(LIVED_MS);
  await take("page-light", "This agent takes readings", { scheme: "light" });
  await take("page-dark", "This agent takes readings", { scheme: "dark" });
  agent.write("rules/pump-night.json", '{\n  "name": "pump-night",\n  "when": { "range": { "maxx": 30 } }\n}\n');
  await take("page-rule-refused", /pump-night\.json:3:/, {});
  agent.write("rules/pump-night.json", { name: "pump-night", when: { range: { measure: "temperature", max: 60 } } });
  // No store: a file stands where its folder was.
  const lake = join(agent.folder, "lake");
  if (existsSync(lake)) renameSync(lake, `${lake}.away`);
  agent.write("lake", "");
  chmodSync(lake, 0o400);
  await take("page-network-down", /unreachable|down|cannot/i, {});
} finally {
  await agent.close();
  await closeBrowser();
}
