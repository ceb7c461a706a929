/**
 * The whole terminal: a screen to draw on, keys, and the terminal given back as it was, however the process ends. Only a signal that no
 * process hears (KILL) leaves the screen as it is; `reset` helps then.
 */
import { writeSync } from "node:fs";

export type ScreenSize = { readonly columns: number; readonly rows: number };

export type ScreenEvents = {
  /** A key as the terminal sends it: a character, or an escape sequence. */
  readonly key: (key: string) => void;
  /** The size has changed, or what was drawn is gone: all of it is drawn again. */
  readonly redraw: () => void;
};

/** stdin and stdout of a process, where stdout is a terminal. */
export interface ScreenPort {
  /** Colours are welcome (NO_COLOR is not set). */
  readonly hasColours: boolean;
  size(): ScreenSize;
  /** Takes the screen until `close`. */
  open(events: ScreenEvents): OpenScreen;
}

export interface OpenScreen {
  /** One write. Resolves when the terminal took it. */
  write(text: string): Promise<void>;
  /** Gives the terminal back. Repeating it is harmless. */
  close(): void;
}

const CSI = "\u001b[";
const STDOUT = 1;
/**
 * The other screen, no cursor, no wrapping at the right edge, and no reordering of right-to-left text (ECMA-48 BDSM), which would move
 * the numbers of a table to other columns.
 */
export const TAKE_SCREEN = `${CSI}?1049h${CSI}?25l${CSI}?7l${CSI}8l${CSI}2J`;
export const GIVE_BACK = `${CSI}0m${CSI}8h${CSI}?7h${CSI}?25h${CSI}?1049l`;

/** What gives back the screen that is taken now, or nothing. */
let giveBack: () => void = () => undefined;

/** Before a message about an error, which the other screen would take with it. */
export function giveScreenBack(): void {
  giveBack();
}

/** Undefined where stdout is no terminal, or one that can only append lines. */
export function screenOf(env: Readonly<Record<string, string | undefined>>): ScreenPort | undefined {
  const { stdin, stdout } = process;
  if (stdout.isTTY !== true || env["TERM"] === "dumb") return undefined;
  return {
    hasColours: !env["NO_COLOR"],
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    open: (events) => openScreen(stdin, stdout, events),
  };
}

function openScreen(stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream, events: ScreenEvents): OpenScreen {
  const hasKeys = stdin.isTTY === true;
  const onInput = (bytes: Buffer) => {
    for (const key of keysIn(bytes.toString("utf8"))) {
      if (key === SUSPEND) suspend();
      else events.key(key);
    }
  };
  const take = () => {
    stdout.write(TAKE_SCREEN);
    if (hasKeys) stdin.setRawMode(true);
  };
  const back = () => {
    if (hasKeys) attempt(() => stdin.setRawMode(false));
    attempt(() => writeSync(STDOUT, GIVE_BACK));
  };
  const onResume = () => {
    take();
    events.redraw();
  };
  const suspend = () => {
    back();
    process.kill(process.pid, "SIGSTOP");
  };
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    giveBack = () => undefined;
    process.off("exit", close);
    process.off("SIGCONT", onResume);
    stdout.off("resize", events.redraw);
    stdin.off("data", onInput);
    stdin.pause();
    back();
  };
  giveBack = close;
  process.on("exit", close);
  process.on("SIGCONT", onResume);
  stdout.on("resize", events.redraw);
  take();
  if (hasKeys) stdin.on("data", onInput);
  return {
    write: (text) => new Promise((resolve) => void stdout.write(text, () => resolve())),
    close,
  };
}

const SUSPEND = "\u001a";
/** A sequence of a special key, or one character. */
const KEY = /\u001b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|[\s\S]/gu;

function keysIn(text: string): readonly string[] {
  return text.match(KEY) ?? [];
}

/** A terminal that is gone takes nothing back. */
function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // It was the last thing that was done with it.
  }
}
