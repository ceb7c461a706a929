/** Pages that are made on request and kept for a moment: clients share them, however many there are. */

export type PageContent = { readonly status: number; readonly type: string; readonly body: string };
/** Makes the page of a path; called on request, a few times a second at most. */
export type Page = () => PageContent | Promise<PageContent>;

export type PageParts = {
  readonly pages: ReadonlyMap<string, Page>;
  /** A page that was made before this changed is made again: for facts that must be shown at once, and change seldom. */
  readonly stamp: () => unknown;
  /** Milliseconds that only run. */
  readonly running: () => number;
};

/** A page is kept 20 times as long as it took to make (a twentieth of the agent's time at most), within these limits. */
const FRESH_MS = { least: 200, most: 1_000, times: 20 };

type CachedPage = { freshUntilMs: number; readonly stamp: unknown; readonly content: Promise<PageContent> };

export class PageKeeper {
  readonly #parts: PageParts;
  readonly #made = new Map<string, CachedPage>();

  constructor(parts: PageParts) {
    this.#parts = parts;
  }

  get paths(): readonly string[] {
    return [...this.#parts.pages.keys()];
  }

  has(path: string): boolean {
    return this.#parts.pages.has(path);
  }

  async fresh(path: string): Promise<PageContent> {
    const page = this.#parts.pages.get(path);
    if (page === undefined) throw new Error(`Cannot make the page ${path}: there is none`);
    const { running } = this.#parts;
    const nowMs = running();
    const stamp = this.#parts.stamp();
    const last = this.#made.get(path);
    if (last !== undefined && nowMs < last.freshUntilMs && last.stamp === stamp) return last.content;
    // A request that comes while the page is being made waits for the same one.
    const made: CachedPage = { freshUntilMs: Number.POSITIVE_INFINITY, stamp, content: (async () => await page())() };
    this.#made.set(path, made);
    const done = () => {
      const tookMs = running() - nowMs;
      made.freshUntilMs = running() + Math.min(FRESH_MS.most, Math.max(FRESH_MS.least, FRESH_MS.times * tookMs));
    };
    made.content.then(done, done);
    return made.content;
  }
}
