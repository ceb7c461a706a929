/** The page as a person sees it: a headless Chromium, which notes all that a page must not do. */
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import { type Browser, chromium, type Page } from "playwright-core";
import { ENOUGH_MS } from "../agent-process.ts";
import { CHROMIUM } from "./chromium.ts";

export type Look = {
  /** In CSS pixels; 1,440 × 900 where nothing is said. */
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
  readonly locale?: string;
};

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Runs in the browser, which can read a PNG. */
const COLOURS = `(async () => {
  const bytes = Uint8Array.from(atob("PNG"), (char) => char.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const paper = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  paper.drawImage(bitmap, 0, 0);
  return new Set(new Uint32Array(paper.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size;
})()`;

let shared: Promise<Browser> | null = null;

/** One browser for all tests of a file: `afterAll(closeBrowser)`. */
function browser(): Promise<Browser> {
  if (CHROMIUM === null) throw new Error("There is no Chromium. Try: scripts/setup-browser");
  // Chromium refuses to run as root within its own sandbox.
  const args = ["--disable-dev-shm-usage", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])];
  shared ??= chromium.launch({ executablePath: CHROMIUM, args });
  return shared;
}

export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = null;
}

/** A window with one page. What it did wrong is in `complaints`, and `close` throws where there are any. */
export class Window {
  readonly page: Page;
  readonly complaints: string[] = [];
  /** While the agent is meant to be gone, requests fail: set it for that time. */
  isAgentAway = false;

  private constructor(page: Page) {
    this.page = page;
    page.setDefaultTimeout(ENOUGH_MS);
    page.on("console", (message) => {
      const { url } = message.location();
      if (message.type() === "error" && !this.isAgentAway) this.complaints.push(`console: ${message.text()} (${url})`);
    });
    page.on("pageerror", (error) => this.complaints.push(`not caught: ${error.stack ?? error.message}`));
    page.on("requestfailed", (request) => {
      const why = request.failure()?.errorText ?? "?";
      // The page itself ends a request when it has another one to send.
      if (this.isAgentAway || why === "net::ERR_ABORTED") return;
      this.complaints.push(`failed: ${request.method()} ${request.url()}: ${why}`);
    });
  }

  static async open(address: string, look: Look = {}): Promise<Window> {
    const { width = 1_440, height = 900, scheme = "light", locale = "en-GB" } = look;
    const context = await (await browser()).newContext({
      viewport: { width, height },
      colorScheme: scheme,
      locale,
      reducedMotion: "reduce",
    });
    const window = new Window(await context.newPage());
    const { origin } = new URL(address);
    await context.route(
      (url) => url.origin !== origin && url.protocol !== "data:" && url.protocol !== "blob:",
      (route) => {
        window.complaints.push(`asked another origin: ${route.request().url()}`);
        return route.abort();
      },
    );
    await window.page.goto(address);
    return window;
  }

  /** Shows a view, as `sensors` or `sensors/PUMP_01`; the page is not loaded again. */
  async show(view: string): Promise<void> {
    await this.page.evaluate(`location.hash = ${JSON.stringify(view)}`);
    await this.page.locator("main .loading").first().waitFor({ state: "detached" });
  }

  /** Waits until the page holds this text. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** What axe-core finds of serious or critical impact, as sentences; a page has to have none. */
  async barriers(): Promise<readonly string[]> {
    // The page's own policy lets no script in but its own files: this one comes by the debugger.
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate<AxeResults>("axe.run()");
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, help, nodes }) =>
        nodes.map(({ html, failureSummary }) => `${id}: ${help}: ${html.slice(0, 200)}: ${failureSummary}`),
      );
  }

  /** Whether something is wider than the window, so that the page scrolls sideways. */
  async isTooWide(): Promise<boolean> {
    return this.page.evaluate<boolean>("document.documentElement.scrollWidth > document.documentElement.clientWidth");
  }

  /** Writes the whole page to `NAME.png` in the folder of screenshots, and returns the PNG. */
  async picture(name: string): Promise<Uint8Array> {
    return this.page.screenshot({ path: join(pictureFolder(), `${name}.png`), fullPage: true });
  }

  /** How many different colours a part of the page has: one or two where nothing is drawn. */
  async colours(selector: string): Promise<number> {
    const png = await this.page.locator(selector).first().screenshot();
    return this.page.evaluate<number>(COLOURS.replace("PNG", png.toString("base64")));
  }

  /** Throws when the page did what it must not. */
  async close(): Promise<void> {
    await this.page.context().close();
    if (this.complaints.length > 0) throw new Error(`The page is not clean:\n${this.complaints.join("\n")}`);
  }
}

let folder: string | null = null;
/** AGENT_TEST_SCREENSHOTS, or a folder for temporary files. */
export function pictureFolder(): string {
  folder ??= process.env["AGENT_TEST_SCREENSHOTS"] ?? mkdtempSync(join(tmpdir(), "agent-screenshots-"));
  mkdirSync(folder, { recursive: true });
  return folder;
}
