/** A program on a real pseudo terminal whose screen a test can look at while it runs: what is drawn where, and all bytes that came. */

export type TerminalProgram = {
  readonly program: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
};

const LIMIT_MS = 60_000;
/** Only a failing test waits this long, on a busy machine too. */
const SEES_MS = 30_000;

export class LiveTerminal {
  /** Everything that the program wrote, as it came. */
  raw = "";
  readonly screen: DrawnScreen;
  readonly #decoder = new TextDecoder();
  readonly #child: Bun.Subprocess;
  #news: () => void = () => undefined;

  constructor({ program, cwd, env = {}, columns, rows }: TerminalProgram) {
    this.screen = new DrawnScreen(columns, rows);
    this.#child = Bun.spawn([...program], {
      cwd,
      env: { PATH: process.env["PATH"] ?? "", TERM: "xterm-256color", ...env },
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
      terminal: {
        cols: columns,
        rows,
        data: (_, bytes) => {
          const text = this.#decoder.decode(bytes, { stream: true });
          this.raw += text;
          this.screen.write(text);
          this.#news();
        },
      },
    });
  }

  get text(): string {
    return this.screen.lines().join("\n");
  }

  type(keys: string): void {
    this.#child.terminal?.write(keys);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  resize(columns: number, rows: number): void {
    this.screen.resize(columns, rows);
    this.#child.terminal?.resize(columns, rows);
  }

  /** Resolves when the screen shows it; throws with the screen where it never does. */
  async sees(what: string | RegExp): Promise<void> {
    const isSeen = () => (typeof what === "string" ? this.text.includes(what) : what.test(this.text));
    const giveUp = performance.now() + SEES_MS;
    while (!isSeen()) {
      if (performance.now() > giveUp) throw new Error(`The screen never showed ${what}:\n${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#news = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The exit code, or the signal, when the program is gone and all that it wrote has come. */
  async ended(): Promise<number | string | null> {
    const code = await this.#child.exited;
    this.#child.terminal?.close();
    return this.#child.signalCode ?? code;
  }
}

/** One sequence (ECMA-48 CSI), one control character, or one character as a person sees it. */
const PIECE =
  /\u001b\[([?<>=]?)([0-9;]*)([A-Za-z])|\u001b.|[\u0000-\u001f\u007f-\u009f]|[^\u0000-\u001f\u007f-\u009f]+/gu;
const SEGMENTS = new Intl.Segmenter("en", { granularity: "grapheme" });

/** The part of a terminal that programs on a whole screen use: two screens, moves, deletes, and modes. */
export class DrawnScreen {
  columns: number;
  rows: number;
  /** Modes as they are now, as `?1049`: the other screen, `?25`: the cursor, `?7`: wrapping, `8`: reordering of right-to-left text. */
  readonly modes = new Map<string, boolean>([
    ["?1049", false],
    ["?25", true],
    ["?7", true],
    ["8", true],
  ]);
  /** Sequences and control characters that no program should send here. */
  readonly strange: string[] = [];
  #cells: string[][];
  #first: string[][];
  /** The beginning of a sequence whose end has not come yet. */
  #rest = "";
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
    this.#cells = blank(columns, rows);
    this.#first = blank(columns, rows);
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.#cells = blank(columns, rows);
  }

  lines(): string[] {
    return this.#cells.map((cells) => cells.join("").trimEnd());
  }

  write(more: string): void {
    const came = this.#rest + more;
    this.#rest = /\u001b(?:\[[?<>=]?[0-9;]*)?$/.exec(came)?.[0] ?? "";
    const text = came.slice(0, came.length - this.#rest.length);
    for (const [piece, mark = "", numbers = "", letter] of text.matchAll(PIECE)) {
      if (letter !== undefined) this.#sequence(mark, numbers, letter);
      else if (piece === "\r") this.#column = 0;
      else if (piece === "\n") this.#lineFeed();
      else if (/^[\u0000-\u001f\u007f-\u009f]/.test(piece)) this.strange.push(piece);
      else this.#print(piece);
    }
  }

  /** At the bottom all lines move up. */
  #lineFeed(): void {
    this.#row++;
    if (this.#row < this.rows) return;
    this.#row = this.rows - 1;
    this.#cells = [...this.#cells.slice(1), ...blank(this.columns, 1)];
  }

  #sequence(mark: string, numbers: string, letter: string): void {
    const [first = 1, second = 1] = numbers.split(";").map((number) => (number === "" ? 1 : Number(number)));
    if (letter === "m") return;
    if (letter === "h" || letter === "l") this.#mode(`${mark}${numbers}`, letter === "h");
    else if (letter === "H") [this.#row, this.#column] = [first - 1, second - 1];
    else if (letter === "K") this.#line().fill(" ", this.#column);
    else if (letter === "J") this.#cells = blank(this.columns, this.rows);
    else this.strange.push(`${mark}${numbers}${letter}`);
  }

  #mode(name: string, isOn: boolean): void {
    if (name === "?2026") return;
    if (!this.modes.has(name)) this.strange.push(name);
    if (name === "?1049" && this.modes.get(name) !== isOn) [this.#cells, this.#first] = [this.#first, this.#cells];
    this.modes.set(name, isOn);
  }

  #print(text: string): void {
    for (const { segment } of SEGMENTS.segment(text)) {
      const width = Bun.stringWidth(segment);
      const column = Math.min(this.#column, this.columns - 1);
      const line = this.#line();
      line[column] = segment;
      if (width === 2 && column + 1 < this.columns) line[column + 1] = "";
      this.#column = column + width;
    }
  }

  #line(): string[] {
    this.#row = Math.min(this.#row, this.rows - 1);
    return this.#cells[this.#row] ?? [];
  }
}

function blank(columns: number, rows: number): string[][] {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, () => " "));
}
