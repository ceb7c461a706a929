/** Frames on a terminal: only the lines that changed are written, all of them in one write, and none while the one before is not taken. */
import type { OpenScreen, ScreenSize } from "../frame/terminal.ts";
import { fitted, type Line, lineText, lineWidth } from "./cells.ts";

const CSI = "\u001b[";
/** Terminals that know it show all of a frame at once; others ignore it. */
const BEGIN = `${CSI}?2026h`;
const END = `${CSI}?2026l`;

export class Frames {
  readonly #screen: Pick<OpenScreen, "write">;
  readonly #hasColours: boolean;
  #shown: readonly string[] = [];
  #next: readonly string[] | null = null;
  #isWriting = false;
  #isAllGone = true;

  constructor(screen: Pick<OpenScreen, "write">, hasColours: boolean) {
    this.#screen = screen;
    this.#hasColours = hasColours;
  }

  /** After a change of the size, or when another program drew on the terminal. */
  forget(): void {
    this.#isAllGone = true;
  }

  /** Draws at most `size.rows` lines. A slow terminal gets the newest frame, and not those that it had no time for. */
  show(lines: readonly Line[], { rows, columns }: ScreenSize): void {
    const texts = lines.slice(0, rows).map((line) => {
      const shown = fitted(line, columns);
      // At the right edge the cursor stays on the last character, which it would delete.
      return lineText(shown, this.#hasColours) + (lineWidth(shown) < columns ? `${CSI}K` : "");
    });
    this.#next = Array.from({ length: rows }, (_, at) => texts[at] ?? `${CSI}K`);
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#next !== null) {
      const next = this.#next;
      this.#next = null;
      const before = this.#isAllGone ? [] : this.#shown;
      const changed = next.flatMap((text, at) => (text === before[at] ? [] : [`${CSI}${at + 1};1H${text}`]));
      const clear = this.#isAllGone ? `${CSI}0m${CSI}2J` : "";
      this.#isAllGone = false;
      this.#shown = next;
      if (changed.length > 0 || clear !== "") await this.#screen.write(BEGIN + clear + changed.join("") + END);
    }
    this.#isWriting = false;
  }
}
