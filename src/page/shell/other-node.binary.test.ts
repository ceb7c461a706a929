/** One address that leads to one node and then to another, as a tunnel does: a real browser, and two agents behind a forwarder. */
import { afterAll, expect } from "bun:test";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { closeBrowser, Window } from "../../testing/page/browser.ts";
import { DashboardAgent } from "../../testing/page/dashboard-agent.ts";

const pageTest = testWith("binary", "chromium");
afterAll(closeBrowser, ENOUGH_MS);

const TEXT = `${JSON.stringify({ name: "warm", when: { range: { measure: "temperature", max: 10_000 } } }, null, 2)}\n`;
const start = (id: string) => DashboardAgent.start({ env: { AGENT_NODE_ID: id }, files: { "rules/warm.json": TEXT } });

/** Forwards bytes, and keeps all that came from the browser. */
class Tunnel {
  readonly #open = new Set<Socket>();
  readonly #server = createServer((socket) => this.#forward(socket));
  #port: number;
  heard = "";

  constructor(to: DashboardAgent) {
    this.#port = Number(new URL(to.address).port);
  }

  listen(): Promise<string> {
    return new Promise((done) => {
      this.#server.listen(0, "127.0.0.1", () => {
        done(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`);
      });
    });
  }

  leadTo(other: DashboardAgent): void {
    this.#port = Number(new URL(other.address).port);
    this.heard = "";
    for (const socket of this.#open) socket.destroy();
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }

  #forward(browser: Socket): void {
    const agent = connect(this.#port, "127.0.0.1");
    for (const [from, to] of [
      [browser, agent],
      [agent, browser],
    ] as const) {
      this.#open.add(from);
      from.on("data", (bytes) => {
        if (from === browser) this.heard += bytes.toString("latin1");
        to.write(bytes);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#open.delete(from);
        to.destroy();
      });
    }
  }
}

pageTest(
  "where the address leads to another node, the page says so, sends no token and saves nothing; a click continues with the other node",
  async () => {
    const [a, b] = await Promise.all([start("node-a"), start("node-b")]);
    const tunnel = new Tunnel(a);
    try {
      const address = await tunnel.listen();
      const token = new URL(await a.addressWithToken()).hash;
      await b.addressWithToken();
      const window = await Window.open(`${address}${token}`);
      const { page } = window;
      await window.sees("node-a");
      await window.show("rules/file/warm.json");
      await page.locator(".editor-verdict .badge", { hasText: "passes" }).waitFor();
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+a");
      await page.keyboard.insertText(TEXT.replace("10000", "9000"));
      await page.locator(".editor-verdict .badge", { hasText: "passes" }).waitFor();
      window.isAgentAway = true;
      tunnel.leadTo(b);
      await window.sees("This is another node now: node-b. It was node-a.");
      await page.locator(".cm-content").click();
      await page.keyboard.press("Control+s");
      await page.locator("main .problem", { hasText: "This is another node now" }).waitFor();
      expect(tunnel.heard).toContain("GET /api/node");
      expect(tunnel.heard.toLowerCase()).not.toContain("authorization");
      expect(tunnel.heard).not.toContain("PUT ");

      await page.getByRole("button", { name: "Continue with node-b" }).click();
      await page.locator("header strong", { hasText: "node-b" }).waitFor();
      await window.show("rules");
      await window.sees("of node node-a");
      expect(tunnel.heard.toLowerCase()).not.toContain("authorization");
      for (const { folder } of [a, b]) expect(readFileSync(join(folder, "rules/warm.json"), "utf8")).toBe(TEXT);
      window.isAgentAway = false;
      await window.close();
    } finally {
      tunnel.close();
      await Promise.all([a.close(), b.close()]);
    }
  },
  2 * ENOUGH_MS,
);
