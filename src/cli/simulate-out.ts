/** Where `agent simulate` puts readings: lines on stdout, or rows in a SQLite file. */
import { resolve } from "node:path";
import { ByteWriter } from "../core/bytes/bytes.ts";
import { ReadingText } from "../core/bytes/reading-text.ts";
import { AgentError, TransientError, UsageError } from "../core/errors.ts";
import type { ReadingBlock } from "../core/reading.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import type { Context } from "./frame/command.ts";

/** A place for readings. `append` returns when they are stored; it waits for a failure that may pass to end. */
export type Out = {
  readonly name: string;
  /** How long readings may wait to be appended together. */
  readonly holdMs: number;
  readonly append: (block: ReadingBlock) => Promise<void>;
  readonly close: () => void;
};

const CHUNK_BYTES = 1024 * 1024;
const CLOSING_BRACE = 125;
const NEW_LINE = 10;
/** A commit holds all readings of this time: fresh enough for a program that tails the table, cheap enough for a flash card. */
const COMMIT_MS = 500;
const BUSY_WAIT_MS = 200;
/** After a stop, the longest wait for a database that another program has locked. */
const BUSY_TRIES_AFTER_STOP = 2;

export async function openOut(
  out: string,
  measures: readonly string[],
  catalogue: SensorCatalogue,
  context: Context,
): Promise<Out> {
  if (out === "stdout") return standardOut(catalogue, context);
  const path = /^sqlite:(?!$)(.*)$/s.exec(out)?.[1];
  if (path !== undefined) return sqliteFile(path, measures, catalogue, context);
  if (/^mqtts?:/.test(out)) {
    throw new UsageError(`Cannot write to "${out}": mqtt output is not in this version`, {
      tryHint: "agent simulate | mosquitto_pub -h localhost -t readings -l",
    });
  }
  throw new UsageError(`Cannot write to "${out}": it is neither stdout nor sqlite:PATH`, {
    tryHint: "agent simulate --out sqlite:field.db",
  });
}

function standardOut(catalogue: SensorCatalogue, context: Context): Out {
  const text = new ReadingText(catalogue);
  const writer = new ByteWriter(CHUNK_BYTES);
  const append = async (block: ReadingBlock) => {
    for (let row = 0; row < block.count; row++) {
      text.write(writer, block, row);
      writer.byte(CLOSING_BRACE);
      writer.byte(NEW_LINE);
    }
    // The pipe has taken the bytes when this resolves, so the writer may be used again.
    if (writer.length > 0) await context.write(writer.view());
    writer.clear();
  };
  return { name: "stdout", holdMs: 0, append, close: () => undefined };
}

async function sqliteFile(
  path: string,
  measures: readonly string[],
  catalogue: SensorCatalogue,
  context: Context,
): Promise<Out> {
  const { WideTable } = await import("../sensor/sqlite/wide-table.ts");
  const table = await patiently(context, () => new WideTable(resolve(context.cwd, path), measures, catalogue));
  return {
    name: path,
    holdMs: COMMIT_MS,
    append: (block) => patiently(context, () => table.append(block)),
    close: () => table.close(),
  };
}

/** Repeats an append that another program's lock or a full disk stops, and says so once; after a stop only a moment longer. */
async function patiently<T>(context: Context, work: () => T): Promise<T> {
  let triesAfterStop = 0;
  for (let isSaid = false; ; ) {
    try {
      const done = work();
      if (isSaid) context.say("Writing again.");
      return done;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      if (context.stop.aborted && ++triesAfterStop >= BUSY_TRIES_AFTER_STOP) {
        throw new AgentError(error.message, { cause: error, tryHint: error.tryHint ?? context.typed });
      }
      if (!isSaid) context.say(`${error.message}. Waiting until it can.`);
      isSaid = true;
      await nap(BUSY_WAIT_MS, context.stop);
    }
  }
}

/** Resolves after that time, or at once when `stop` is or gets aborted; always after other pending work of the process. */
export function nap(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const wake = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", wake);
      done();
    };
    const timer = setTimeout(wake, stop.aborted ? 0 : ms);
    stop.addEventListener("abort", wake);
  });
}
