/** Where `agent simulate` puts readings: lines on stdout, rows in a SQLite file, or messages to a broker. */

import { resolve } from "node:path";
import { ByteWriter } from "../core/bytes/bytes.ts";
import { ReadingText } from "../core/bytes/reading-text.ts";
import { AgentError, TransientError, UsageError } from "../core/errors.ts";
import type { ReadingBlock } from "../core/reading.ts";
import { IDENTITY_COLUMNS, type SensorCatalogue } from "../core/sensor.ts";
import { nap } from "../core/time/nap.ts";
import type { Context } from "./frame/command.ts";

/** A place for readings. `append` returns when they are stored; it waits for a failure that may pass to end. */
export type Out = {
  readonly name: string;
  /** How long readings may wait to be appended together. */
  readonly holdMs: number;
  readonly append: (block: ReadingBlock) => Promise<void>;
  readonly close: () => void | Promise<void>;
};

const CHUNK_BYTES = 1024 * 1024;
const CLOSING_BRACE = 125;
const NEW_LINE = 10;
const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");
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
  if (/^mqtts?:/.test(out)) return broker(out, catalogue, context);
  throw new UsageError(`Cannot write to "${out}": it is neither stdout, sqlite:PATH nor mqtt://HOST/TOPIC`, {
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

/** Each reading is a message; an append has ended when the broker has acknowledged all of them. */
async function broker(uri: string, catalogue: SensorCatalogue, context: Context): Promise<Out> {
  const { checkTlsFiles, parsePublishUri } = await import("../sensor/mqtt/uri.ts");
  const address = parsePublishUri(uri);
  checkTlsFiles(address, context.cwd);
  const { MqttPublisher } = await import("../sensor/mqtt/publisher.ts");
  const { mqttUsername: user, mqttPassword: password, mqttPasswordFile: passwordFile } = context.settings;
  const { cwd, stop } = context;
  const login = { user, password, passwordFile };
  const publisher = await MqttPublisher.open({ address, login, cwd, stop, nap, say: (line) => context.say(line) });
  const text = new ReadingText(catalogue);
  const writer = new ByteWriter(CHUNK_BYTES);
  const append = async (block: ReadingBlock) => {
    for (let row = 0; row < block.count; row++) {
      text.write(writer, block, row);
      writer.byte(CLOSING_BRACE);
      const sensorId = String(catalogue.sensors[block.sensor[row] ?? 0]?.identity[SENSOR_ID] ?? "");
      await publisher.publish(
        address.topic.replaceAll("{sensor_id}", topicLevel(sensorId)),
        Buffer.from(writer.view()),
      );
      writer.clear();
    }
    await publisher.answered();
  };
  return { name: address.name, holdMs: 0, append, close: () => publisher.close() };
}

/** A name may hold what separates levels, or is a wildcard. */
function topicLevel(name: string): string {
  return name.replace(/[/#+]/g, "_");
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
