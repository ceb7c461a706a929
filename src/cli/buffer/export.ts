/** `agent buffer export`: readings out of the buffer, as the store's objects have them. Reads only, beside a running agent too. */
import { resolve } from "node:path";
import type { BufferSpan, SpanPiece } from "../../buffer/ledger/span.ts";
import type { ByteWriter } from "../../core/bytes/bytes.ts";
import { AgentError, codeOf, UsageError } from "../../core/errors.ts";
import { grouped, rangesText } from "../../core/readable-numbers.ts";
import type { SeqRange } from "../../core/seq-range.ts";
import { READING_STAGES, type ReadingStage } from "../../core/stage.ts";
import type { StageEncoder } from "../../stages/encode.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { momentFlag, wholeNumberFlag } from "../frame/flag-values.ts";
import { type Args, type Flags, settingFlags } from "../frame/flags.ts";
import { progressLine } from "../frame/progress-line.ts";
import { type ExportOut, FORMATS, openOut } from "./export-out.ts";

const COMMAND = "agent buffer export";
/** Bytes of lines that are handed over at once. */
const CHUNK_BYTES = 1024 * 1024;

const ARGS = {
  from: {
    type: "string",
    description: "From this reading on, by its number (seq) or its own time (UTC, or a time ago). Default: the oldest.",
    valueHint: "SEQ|TIME",
  },
  to: {
    type: "string",
    description: "Up to this reading, itself included; a TIME is not included. Default: the newest.",
    valueHint: "SEQ|TIME",
  },
  sensor: { type: "string", description: "Only this sensor, by its sensor_id.", valueHint: "ID" },
  stage: {
    type: "enum",
    options: [...READING_STAGES],
    description: "The readings and columns of this stage. Default: raw, which has all.",
    valueHint: "STAGE",
  },
  format: {
    type: "enum",
    options: [...FORMATS],
    description: "Default: ndjson, the lines of the store's objects. sqlite: a table sensor_readings, and needs --out.",
    valueHint: FORMATS.join("|"),
  },
  out: { type: "string", description: "A file; it has its name when it is whole. Default: stdout.", valueHint: "FILE" },
  force: { type: "boolean", description: "Replace the file if it exists." },
  ...settingFlags("dataDir", "profile"),
} as const satisfies Args;

export const command = defineCommand({
  name: "export",
  summary: "Copy readings out of the buffer, as lines, CSV or a SQLite table; the buffer stays as it is.",
  args: ARGS,
  examples: [
    "agent buffer export --from 1h | head -5",
    "agent buffer export --stage anomalies --format csv --out anomalies.csv",
    "agent buffer export --sensor SEA_3F7FC2 --from 2026-11-23T08:00Z --to 1h",
    "agent buffer export --format sqlite --out readings.db",
  ],
  run,
});

async function run(flags: Flags<typeof ARGS>, context: Context): Promise<ExitCode> {
  const stage = flags.stage ?? "raw";
  const limits = await limitsOf(flags);
  const { columnsOf } = await import("../../stages/columns.ts");
  const { loadProfile } = await import("../../sensor/profile/shipped.ts");
  const { BufferSpan } = await import("../../buffer/ledger/span.ts");
  const dataDir = resolve(context.cwd, context.settings.dataDir);
  const profile = loadProfile(context.settings.profile, context.cwd);
  const span = new BufferSpan(dataDir);
  const columns = columnsOf(
    stage,
    span.measures.map((name) => ({ name, unit: "" })),
  );
  const distinct = columns.filter(({ name }, at) => columns.findIndex((other) => other.name === name) === at);
  const { format = "ndjson", out: path = null, force } = flags;
  const out = openOut({ format, path, force, columns: distinct, dataDir }, context);
  const encoding = await encodingFor(new Map(profile.measures.map(({ name, unit }) => [name, unit])));
  const asked = { span, stage, sensorId: flags.sensor ?? null, ...limits };
  const work = new ExportWork(asked, encoding, { out, context });
  try {
    await work.run();
    if (context.stop.aborted) return stopped(work.rows, context);
    await out.finish();
  } catch (error) {
    if (isClosed(context)) return 0;
    throw error;
  } finally {
    out.discard();
  }
  return summary(work, { path, stage, limits }, context);
}

/** Null: no such limit. Times in ms. */
type Limits = {
  readonly seqs: { readonly first: number | null; readonly last: number | null };
  readonly fromMs: number;
  readonly toMs: number;
};

async function limitsOf(flags: Flags<typeof ARGS>): Promise<Limits> {
  const nowMs = Date.now();
  const of = async (name: "from" | "to") => {
    const given = flags[name];
    if (given === undefined) return { seq: null, ms: null };
    const most = Number.MAX_SAFE_INTEGER;
    if (/^\d+$/.test(given))
      return {
        seq: wholeNumberFlag(name, given, { least: 0, most, example: "agent buffer export --from 1" }),
        ms: null,
      };
    return { seq: null, ms: await momentFlag(name, given, { nowMs, command: COMMAND }) };
  };
  const [from, to] = [await of("from"), await of("to")];
  const fromMs = from.ms ?? Number.NEGATIVE_INFINITY;
  const toMs = to.ms ?? Number.POSITIVE_INFINITY;
  if (fromMs >= toMs || (from.seq !== null && to.seq !== null && from.seq > to.seq))
    throw new UsageError("Cannot use --to: it is before --from", { tryHint: "agent buffer export --help" });
  return { seqs: { first: from.seq, last: to.seq }, fromMs, toMs };
}

type Encoding = {
  readonly encoderOf: (piece: SpanPiece, seq: number) => StageEncoder;
  readonly writer: ByteWriter;
  readonly verdicts: (stage: ReadingStage) => readonly number[];
  readonly verdictAt: (piece: SpanPiece["blocks"][number], row: number) => number;
  readonly sensorIdAt: (piece: SpanPiece, block: SpanPiece["blocks"][number], row: number) => string | null;
};

async function encodingFor(units: ReadonlyMap<string, string>): Promise<Encoding> {
  const { Encoders } = await import("../../agent/encoders.ts");
  const { verdictOf } = await import("../../buffer/buffer.ts");
  const { VERDICTS_OF_STAGE } = await import("../../buffer/ledger/promises.ts");
  const { ByteWriter } = await import("../../core/bytes/bytes.ts");
  const { Gzip } = await import("../../core/bytes/gzip.ts");
  const { sensorIdOf } = await import("../../verdicts/reading-view.ts");
  const gzip = new Gzip(1, () => 0);
  let known: { readonly catalogue: SpanPiece["catalogue"]; readonly encoders: InstanceType<typeof Encoders> } | null =
    null;
  return {
    encoderOf: ({ catalogue, ownerOf }, seq) => {
      if (known?.catalogue !== catalogue) known = { catalogue, encoders: new Encoders({ gzip, units }, catalogue) };
      return known.encoders.of(ownerOf(seq));
    },
    writer: new ByteWriter(CHUNK_BYTES),
    verdicts: (stage) => VERDICTS_OF_STAGE[stage],
    verdictAt: ({ block }, row) => verdictOf(block, row),
    sensorIdAt: ({ catalogue }, stored, row) => sensorIdOf({ stored, row, catalogue, epoch: "", nodeId: "" }),
  };
}

type AskedReadings = Limits & {
  readonly span: BufferSpan;
  readonly stage: ReadingStage;
  readonly sensorId: string | null;
};

class ExportWork {
  rows = 0;
  /** The first and the last that were written. */
  seqs: SeqRange | null = null;
  readonly asked: AskedReadings;
  readonly #encoding: Encoding;
  readonly #out: ExportOut;
  readonly #context: Context;

  constructor(asked: AskedReadings, encoding: Encoding, to: { readonly out: ExportOut; readonly context: Context }) {
    this.asked = asked;
    this.#encoding = encoding;
    this.#out = to.out;
    this.#context = to.context;
  }

  async run(): Promise<void> {
    const { span, seqs } = this.asked;
    if (span.held === null) return;
    const first = Math.max(span.held.first, seqs.first ?? 0);
    const last = Math.min(span.held.last, seqs.last ?? Number.MAX_SAFE_INTEGER);
    const progress = progressLine(this.#context.terminal);
    try {
      for (const piece of span.pieces({ first, last })) {
        await this.#write(piece);
        progress.tell(() => `${grouped(this.rows)} readings exported`);
        if (this.#context.stop.aborted) return;
        // Signals are heard between two turns only.
        await new Promise<void>((done) => setImmediate(done));
      }
    } finally {
      progress.end();
    }
  }

  async #write(piece: SpanPiece): Promise<void> {
    const { writer, encoderOf } = this.#encoding;
    for (const stored of piece.blocks) {
      for (let row = 0; row < stored.block.count; row++) {
        if (!this.#isAsked(piece, stored, row)) continue;
        const seq = stored.firstSeq + row;
        encoderOf(piece, seq).writeLine(writer, stored, row, this.asked.stage);
        this.rows++;
        this.seqs = { first: this.seqs?.first ?? seq, last: seq };
        if (writer.length >= CHUNK_BYTES) await this.#flush();
      }
    }
    await this.#flush();
  }

  #isAsked(piece: SpanPiece, stored: SpanPiece["blocks"][number], row: number): boolean {
    const { stage, sensorId, fromMs, toMs } = this.asked;
    const { verdicts, verdictAt, sensorIdAt } = this.#encoding;
    const timeMs = stored.block.time[row] ?? Number.NaN;
    return (
      timeMs >= fromMs &&
      timeMs < toMs &&
      verdicts(stage).includes(verdictAt(stored, row)) &&
      (sensorId === null || sensorIdAt(piece, stored, row) === sensorId)
    );
  }

  async #flush(): Promise<void> {
    const { writer } = this.#encoding;
    // The pipe or the file has taken the bytes when this resolves, so the writer may be used again.
    if (writer.length > 0) await this.#out.rows(writer.view());
    writer.clear();
  }
}

/** The reader of the pipe went away (`| head`): it wants no more. */
function isClosed({ stop }: Context): boolean {
  return stop.aborted && codeOf(stop.reason) === "EPIPE";
}

function stopped(rows: number, context: Context): ExitCode {
  if (isClosed(context)) return 0;
  throw new AgentError(`Cannot export all readings: it was stopped after ${grouped(rows)}`);
}

type SummaryAbout = { readonly path: string | null; readonly stage: ReadingStage; readonly limits: Limits };

/** 1: readings that were asked for are not in it. */
function summary({ rows, seqs, asked }: ExportWork, { path, stage, limits }: SummaryAbout, { say }: Context): ExitCode {
  const { span } = asked;
  const where = path === null ? "" : ` to "${path}"`;
  const which = seqs === null ? "" : ` (${grouped(seqs.first)} to ${grouped(seqs.last)})`;
  say(`${grouped(rows)} readings of ${stage}${which} were exported${where}.`);
  const { first } = limits.seqs;
  if (span.held === null) say("The buffer holds no reading.");
  else if (first !== null && first < span.held.first)
    say(`The buffer holds no reading before ${grouped(span.held.first)}: they were delivered and deleted, or lost.`);
  if (span.missed > 0) say(`${grouped(span.missed)} readings were deleted before they could be read.`);
  if (span.unreadRows > 0) {
    say(`${grouped(span.unreadRows)} readings cannot be read and are not in it: ${rangesText(span.unread)}.`);
    say("Try: agent buffer check");
  }
  return span.missed + span.unreadRows > 0 ? 1 : 0;
}
