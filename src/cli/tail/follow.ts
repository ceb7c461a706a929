/** The loop of `agent tail`: look, show, wait. If the buffer is replaced or deleted meanwhile, tail says so and follows the next one. */
import type { BufferTail, TailPiece } from "../../buffer/ledger/tail.ts";
import { AgentError, messageOf } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { readingJson, readingLine } from "../../verdicts/reading-view.ts";
import type { Context } from "../frame/command.ts";

export type FollowOptions = Pick<Context, "stop" | "write" | "say"> & {
  readonly tail: BufferTail;
  readonly lines: number;
  /** What to say once, by the first look: of names that nothing has. */
  readonly unknown: (first: TailPiece) => readonly string[];
  readonly isJson: boolean;
  readonly isRunning: () => boolean;
  /** Resolves when it is time to look again, or when `stop` is aborted. */
  readonly wait: () => Promise<void>;
};

/** Returns when `stop` is aborted. Throws where there is no buffer at the start; later it waits for one to come back. */
export async function follow(options: FollowOptions): Promise<void> {
  const { tail, lines, unknown, stop, say, wait } = options;
  const first = tail.start(lines);
  await show(first, options);
  for (const line of unknown(first)) say(line);
  if (!options.isRunning()) say("No agent is running: new readings are shown when one does.");
  let trouble: string | null = null;
  while (!stop.aborted) {
    await wait();
    for (let more = true; more && !stop.aborted; ) {
      const looked = attempt(() => tail.look());
      const failed = "error" in looked ? looked.error : null;
      // Said once, not at every look.
      if (failed !== null && messageOf(failed) !== trouble) sayTrouble(failed, say);
      trouble = failed === null ? null : messageOf(failed);
      if ("piece" in looked) await show(looked.piece, options);
      more = "piece" in looked && looked.piece.more;
      // Signals are heard only between two turns.
      await new Promise<void>((next) => setImmediate(next));
    }
  }
}

function attempt(look: () => TailPiece): { readonly piece: TailPiece } | { readonly error: unknown } {
  try {
    return { piece: look() };
  } catch (error) {
    return { error };
  }
}

async function show(piece: TailPiece, { isJson, write, say }: FollowOptions): Promise<void> {
  const { epoch, ownerOf, catalogue, found, isOther, missed } = piece;
  if (isOther) say(`Another buffer replaced the one before (agent status): epoch ${epoch}`);
  if (missed > 0) say(`${grouped(missed)} readings were deleted before they could be shown.`);
  const lines = found.map(({ stored, row }) => {
    const at = { stored, row, catalogue, ...ownerOf(stored.firstSeq + row) };
    return `${isJson ? JSON.stringify(readingJson(at)) : readingLine(at)}\n`;
  });
  if (lines.length > 0) await write(lines.join(""));
}

function sayTrouble(error: unknown, say: (line: string) => void): void {
  say(oneLine(messageOf(error)));
  const hint = error instanceof AgentError ? error.tryHint : undefined;
  say(hint === undefined ? "Waiting for it." : `Waiting for it. Try: ${oneLine(hint)}`);
}
