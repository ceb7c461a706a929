/** The browser that tests of the page are run in. */
import { existsSync } from "node:fs";

const NAMES = ["chromium", "chromium-browser", "google-chrome"] as const;

/** Null: this machine has none. */
export const CHROMIUM = NAMES.map((name) => Bun.which(name)).find((path) => path !== null && existsSync(path)) ?? null;
