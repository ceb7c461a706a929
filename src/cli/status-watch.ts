/** `agent status --watch`: the same again and again, in place on a terminal, else one after another. */

import { nap } from "../core/time/nap.ts";
import type { Context } from "./frame/command.ts";
import type { ScreenPort } from "./frame/terminal.ts";
import { span } from "./top/cells.ts";
import { Frames } from "./top/frames.ts";

export type StatusWatch = {
  /** Text of whole lines, as wide as a terminal of so many columns; undefined: there is none. */
  readonly text: (columns: number | undefined) => string;
  readonly everyMs: number;
};

/** In place until q, Ctrl-C or `stop`. The last one stays on the terminal. */
export async function watchInPlace(
  { text, everyMs }: StatusWatch,
  port: ScreenPort,
  { stop, onHangUp, write }: Pick<Context, "stop" | "onHangUp" | "write">,
): Promise<void> {
  const left = new AbortController();
  onHangUp?.(() => left.abort());
  let hurry = new AbortController();
  let last = "";
  const screen = port.open({
    key: (key) => {
      if (key === "q" || key === "Q" || key === "\u0003") left.abort();
    },
    redraw: () => {
      frames.forget();
      hurry.abort();
    },
  });
  const frames = new Frames(screen, port.hasColours);
  try {
    while (!left.signal.aborted && !stop.aborted) {
      const size = port.size();
      last = text(size.columns);
      frames.show(shownLines(last, size.rows), size);
      await nap(everyMs, stop, left.signal, hurry.signal);
      hurry = new AbortController();
    }
  } finally {
    screen.close();
  }
  await write(last);
}

/** As many lines as there is room for, and how many there are below them. */
function shownLines(text: string, rows: number) {
  const lines = text.trimEnd().split("\n");
  const isLong = lines.length > rows;
  const shown = isLong ? lines.slice(0, rows - 1) : lines;
  const more = isLong ? [[span(`and ${lines.length - shown.length} more lines: agent status`, "dim")]] : [];
  return [
    ...shown.map((line, at) => [span(line, at === 0 ? "bold" : line.startsWith("! ") ? "red" : "plain")]),
    ...more,
  ];
}

/** A block each time, with an empty line between two; `isLines`: without one. */
export async function watchAppended(
  { text, everyMs }: StatusWatch,
  isLines: boolean,
  { stop, write }: Pick<Context, "stop" | "write">,
): Promise<void> {
  for (let isFirst = true; !stop.aborted; isFirst = false) {
    if (!isFirst) await nap(everyMs, stop);
    if (stop.aborted) return;
    await write(`${isFirst || isLines ? "" : "\n"}${text(undefined)}`);
  }
}
