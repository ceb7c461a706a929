/** `agent map try`: sample lines through a map and the agent's own reader. Nothing is kept, and nothing is written but the answer. */
import { createReadStream, statSync } from "node:fs";
import { basename, resolve } from "node:path";
import { messageOf, UsageError } from "../../core/errors.ts";
import type { Profile } from "../../core/profile.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { RecordContext } from "../../sensor/context.ts";
import type { SourceNormalizers } from "../../sensor/normalizers.ts";
import { loadFileFormats, readFormatSpec } from "../../sensor/open-format.ts";
import type { Mapping } from "../../sensor/row/fields.ts";
import { type Context, defineCommand } from "../frame/command.ts";
import { settingFlags } from "../frame/flags.ts";
import { profilesOf } from "./profiles.ts";
import { MessageLines, SAMPLE_LIMITS, Sample, type SampleReader } from "./sample.ts";
import { Trial } from "./trial.ts";
import { recordText, type Style, summaryText } from "./try-text.ts";

const WIDTH = 160;

export const command = defineCommand({
  name: "try",
  summary: "Show what a map makes of sample lines: each line, its readings, and what was dropped or refused and why.",
  args: {
    mapFile: { type: "positional", required: true, valueHint: "FILE", description: "The map: a JSON file." },
    sample: {
      type: "positional",
      required: false,
      valueHint: "SAMPLE",
      description: `A file of sample lines; default: stdin. At most ${SAMPLE_LIMITS.records} records are tried.`,
    },
    ...settingFlags("profile"),
    format: {
      type: "string",
      valueHint: "FORMAT",
      description:
        "As behind format= in a source's URI: csv, json, 'csv&delimiter=;'. Default: by SAMPLE's name, or as stdin: is read.",
    },
    topic: { type: "string", valueHint: "TOPIC", description: "Each line is a message of MQTT with this topic." },
    file: { type: "string", valueHint: "NAME", description: "The name of the file that the lines are of, for @file." },
    query: {
      type: "string",
      valueHint: "A=1&B=2",
      description: "The query of the request with the lines, for @query.",
    },
    json: { type: "boolean", description: "One JSON value: {ok, summary, records}." },
  },
  examples: [
    "agent map try map.json < sample.ndjson",
    "agent map try map.json sample.csv --format 'csv&delimiter=;'",
    "agent map try map.json messages.txt --topic tele/kitchen/SENSOR",
  ],
  looks: true,
  run: async (flags, context) => {
    const { loadMapping } = await import("../../sensor/map/map-file.ts");
    const profiles = await profilesOf(context);
    const mapping = orCheck(flags.mapFile, () => loadMapping(flags.mapFile, profiles, context.cwd));
    const trial = new Trial(mapping, profiles);
    const given = { ...flags, sample: flags.sample ?? null };
    const reader = await readerOf(given, trial.normalizers);
    const sample = new Sample(reader, () => Date.now());
    const style = styleOf(context, profiles, mapping);
    const records = [];
    for await (const record of sample.records(chunksOf(given.sample, flags.mapFile, context))) {
      const tried = trial.judge(record);
      if (flags.json) records.push(tried);
      else await context.write(recordText(tried, style));
      if (context.stop.aborted) break;
    }
    const summary = trial.summary(sample.isCut);
    if (summary.records === 0) throw nothingTried(flags.mapFile);
    const ok = summary.malformed === 0 && summary.unseen === null;
    if (flags.json) await context.write(`${JSON.stringify({ ok, summary, records }, null, 2)}\n`);
    else await context.write(summaryText(summary, style));
    return ok ? 0 : 1;
  },
});

/** Where the map cannot be used: the command that reports all of it. */
function orCheck<T>(map: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message, { tryHint: `agent map check ${shellWord(map)}`, cause: error });
  }
}

type SampleFlags = {
  readonly mapFile: string;
  readonly sample: string | null;
  readonly format?: string | undefined;
  readonly topic?: string | undefined;
  readonly file?: string | undefined;
  readonly query?: string | undefined;
};

async function readerOf(given: SampleFlags, normalizers: SourceNormalizers): Promise<SampleReader> {
  const { format, topic, sample } = given;
  const context = contextOf(given);
  if (topic !== undefined) {
    if (format !== undefined) refuse("--format", "a message of --topic is read as it is", given);
    return new MessageLines(normalizers.typed, context);
  }
  const parameters = new URLSearchParams(format === undefined ? "" : `format=${format.replaceAll("+", "%2B")}`);
  // A file is read by its name, a pipe as `stdin:` is.
  const usual = sample !== null ? "auto" : normalizers.typed.mapping.csv !== null ? "csv" : "ndjson";
  const spec = readFormatSpec(parameters, usual, (why) => refuse("--format", why, given));
  const formatOf = await loadFileFormats(spec);
  const made = formatOf(sample ?? "")(normalizers, null);
  made.context = context;
  return made;
}

function contextOf({ topic, file, sample, query }: SampleFlags): RecordContext {
  const name = file ?? sample;
  const asked = [...new URLSearchParams(query ?? "")].map(([key, value]) => [`@query.${key}`, value]);
  return {
    ...(topic !== undefined && { "@topic": topic }),
    ...(name !== null && { "@file": basename(name).replace(/\..*$/s, "") }),
    ...Object.fromEntries(asked),
  };
}

async function* chunksOf(sample: string | null, map: string, context: Context): AsyncGenerator<Uint8Array> {
  if (sample !== null) {
    const path = resolve(context.cwd, sample);
    try {
      if (statSync(path).isDirectory()) throw new Error("it is a folder, not a file");
      yield* createReadStream(path) as AsyncIterable<Uint8Array>;
    } catch (error) {
      const tryHint = `agent map try ${shellWord(map)} < ${shellWord(sample)}`;
      throw new UsageError(`Cannot read sample "${sample}": ${messageOf(error)}`, { tryHint, cause: error });
    }
    return;
  }
  if (context.terminal && process.stdin.isTTY) context.say("Paste sample lines here, and end with Ctrl-D.");
  try {
    yield* untilStopped(Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array>, context.stop);
  } catch (error) {
    const tryHint = `agent map try ${shellWord(map)} < sample.ndjson`;
    throw new UsageError(`Cannot read the sample from stdin: ${messageOf(error)}`, { tryHint, cause: error });
  }
}

/** A pipe may be silent for long: a signal ends the waiting for it. */
async function* untilStopped(chunks: AsyncIterable<Uint8Array>, stop: AbortSignal): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const stopped = new Promise<IteratorResult<Uint8Array>>((resolve) => {
    stop.addEventListener("abort", () => resolve({ done: true, value: undefined }), { once: true });
  });
  for (;;) {
    const next = await Promise.race([iterator.next(), stopped]);
    if (next.done === true) return;
    yield next.value;
  }
}

function styleOf(
  { columns, env }: Context,
  [profile, ...others]: readonly [Profile, ...Profile[]],
  { shape }: Mapping,
): Style {
  const measures = [profile, ...others].flatMap((each) => each.measures);
  return {
    width: columns ?? WIDTH,
    leftOut: leftOutBy(shape),
    colours: columns !== undefined && !env["NO_COLOR"],
    unitOf: (name) => measures.find((measure) => measure.name === name)?.unit ?? "",
  };
}

function leftOutBy(shape: Mapping["shape"]): string {
  const hasEach = shape !== null && (shape.each.length > 0 || shape.isSenml);
  if (shape === null || shape.where.length === 0) return 'empty: the map\'s "each" finds no reading in it';
  return hasEach ? 'by the map\'s "where", or empty' : 'by the map\'s "where"';
}

function nothingTried(map: string): UsageError {
  return new UsageError("Cannot try the map: the sample has no record", {
    tryHint: `agent map try ${shellWord(map)} < sample.ndjson`,
  });
}

function refuse(flag: string, why: string, { mapFile: file }: SampleFlags): never {
  throw new UsageError(`Cannot use ${flag}: ${why}`, { tryHint: `agent map try ${shellWord(file)} --format csv` });
}
