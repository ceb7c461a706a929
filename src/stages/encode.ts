/**
 * Committed readings into the bodies of the reading stages: NDJSON, gzip. Two things make it cheap (docs/decisions.md):
 * a gzip file may have several members (RFC 1952 §2.2), so valid rows are compressed once for `validated` and `raw`;
 * and rows are put in order of sensor, so that a line differs from the one before in a few bytes only.
 */
import { ByteWriter, bytesOf, free } from "../core/bytes/bytes.ts";
import type { Gzip } from "../core/bytes/gzip.ts";
import { ReadingText } from "../core/bytes/reading-text.ts";
import { type Finding, type Malformed, type ReadingBlock, SEVERITIES, type Severity } from "../core/reading.ts";
import type { SensorCatalogue } from "../core/sensor.ts";
import type { HourRange } from "../core/seq-range.ts";
import type { ReadingStage } from "../core/stage.ts";
import { MS_PER_HOUR } from "../core/time/duration.ts";
import { makeTails, type TailFacts, type Tails } from "./row-tails.ts";
import { type MeasureUnits, Schematizer } from "./schematize.ts";

/** Committed readings as the encoder needs them: row `i` of the block has seq `firstSeq + i`. */
export type EncodableBlock = {
  readonly firstSeq: number;
  readonly block: ReadingBlock;
  readonly facts: TailFacts;
};

export type EncodedObject = { readonly body: Uint8Array; readonly count: number };

export type EncoderSettings = {
  readonly epoch: string;
  readonly nodeId: string;
  readonly gzip: Gzip;
  readonly units?: MeasureUnits;
};

/** Rows in a gzip member: bounds the memory of encoding, and is long enough to compress as well as a whole file. */
const MEMBER_ROWS = 2_048;
/** The same for rows that carry much text: four times as much as usual rows have. */
const MEMBER_BYTES = 8 * 1024 * 1024;
const CLOSE = bytesOf("}\n");

export class StageEncoder {
  readonly #settings: EncoderSettings;
  readonly #text: ReadingText;
  readonly #schematizer: Schematizer;
  readonly #catalogue: SensorCatalogue;
  readonly #plain = new ByteWriter(1 << 20);
  readonly #more = new ByteWriter(1 << 20);
  readonly #tails = new WeakMap<EncodableBlock["facts"], Tails>();
  readonly #readingId: Uint8Array;

  constructor(settings: EncoderSettings, catalogue: SensorCatalogue) {
    this.#settings = settings;
    this.#catalogue = catalogue;
    this.#text = new ReadingText(catalogue);
    this.#schematizer = new Schematizer(catalogue, settings.units);
    this.#readingId = bytesOf(`,"reading_id":"${settings.epoch}-`);
  }

  /**
   * The bodies of `stages` for the readings of a range whose event time is in an hour; each shares its bytes with no other.
   * A stage without rows is absent.
   */
  encode(
    blocks: readonly EncodableBlock[],
    range: HourRange,
    stages: ReadonlySet<ReadingStage>,
  ): Map<ReadingStage, EncodedObject> {
    const { valid, others } = rowsOf(blocks, range, this.#catalogue.sensors.length);
    const made = new Map<ReadingStage, EncodedObject>();
    const good = this.#members(blocks, valid, {
      plain: stages.has("raw") || stages.has("validated"),
      more: stages.has("schematized") ? writeDerived : null,
    });
    const bad = this.#members(blocks, others, {
      plain: stages.has("raw"),
      more: stages.has("anomalies") ? writeFindings : null,
    });
    const add = (stage: ReadingStage, members: readonly Uint8Array[], count: number) => {
      if (stages.has(stage) && count > 0) made.set(stage, { body: joined(members), count });
    };
    add("raw", [...good.plain, ...bad.plain], valid.length + others.length);
    add("validated", good.plain, valid.length);
    add("schematized", good.more, valid.length);
    add("anomalies", bad.more, others.length);
    for (const members of [good.plain, good.more, bad.plain, bad.more]) members.forEach(free);
    return made;
  }

  /** One row as the objects of a stage have it, with its newline; the reading is one that goes to this stage. */
  writeLine(w: ByteWriter, stored: EncodableBlock, row: number, stage: ReadingStage): void {
    this.#writeRow(w, stored, row);
    COLUMNS_OF[stage]?.(w, stored.block, row, this.#schematizer);
    w.raw(CLOSE);
  }

  /** The rows as they are, and the same rows with more columns: their text is made once for both. */
  #members(blocks: readonly EncodableBlock[], rows: Int32Array, want: { plain: boolean; more: AddColumns | null }) {
    const made: { plain: Uint8Array[]; more: Uint8Array[] } = { plain: [], more: [] };
    if (!want.plain && want.more === null) return made;
    const plain = this.#plain;
    const more = this.#more;
    for (let at = 0; at < rows.length; ) {
      plain.clear();
      more.clear();
      const from = at;
      const until = Math.min(rows.length, at + MEMBER_ROWS);
      for (; at < until && plain.length < MEMBER_BYTES; at++) {
        const stored = blocks[rows[at]! >>> 16]!;
        const row = rows[at]! & 0xffff;
        const start = plain.length;
        this.#writeRow(plain, stored, row);
        if (want.more !== null) {
          more.copy(plain, start);
          want.more(more, stored.block, row, this.#schematizer);
          more.raw(CLOSE);
        }
        plain.raw(CLOSE);
      }
      if (want.plain) made.plain.push(this.#gzip(plain, at - from));
      if (want.more !== null) made.more.push(this.#gzip(more, at - from));
    }
    return made;
  }

  #gzip(w: ByteWriter, rows: number): Uint8Array {
    return this.#settings.gzip.compress(w.view() as Uint8Array<ArrayBuffer>, rows);
  }

  #writeRow(w: ByteWriter, stored: EncodableBlock, row: number): void {
    const { block, firstSeq, facts } = stored;
    const timeMs = block.time[row]!;
    let tails = this.#tails.get(facts);
    if (tails === undefined) {
      tails = makeTails(facts, this.#settings.nodeId);
      this.#tails.set(facts, tails);
    }
    const isArrival = this.#catalogue.hasArrivals && this.#catalogue.labels[block.label[row]!]?.isArrival === true;
    const usual = isArrival ? tails.arrival : tails.usual;
    const tail = timeMs < tails.earliestMs || timeMs > tails.latestMs ? tails.implausible : usual;
    const malformed = block.malformed.size > 0 ? block.malformed.get(row) : undefined;
    if (malformed === undefined) this.#text.write(w, block, row);
    else this.#text.writeUnidentified(w, timeMs);
    w.raw(this.#readingId);
    w.integer(firstSeq + row);
    const extra = malformed === undefined ? extraOf(block, row) : receivedText(malformed);
    if (extra === undefined) w.raw(tail.plain);
    else {
      w.raw(tail.before);
      w.jsonString(extra);
      w.reserve(1_024);
    }
  }
}

type AddColumns = (w: ByteWriter, block: ReadingBlock, row: number, schematizer: Schematizer) => void;
/** What the rows of a stage have beside those of raw. */
const COLUMNS_OF: Readonly<Record<ReadingStage, AddColumns | null>> = {
  raw: null,
  validated: null,
  anomalies: writeFindings,
  schematized: writeDerived,
};

function writeDerived(w: ByteWriter, block: ReadingBlock, row: number, schematizer: Schematizer): void {
  schematizer.write(w, block, row);
}

function writeFindings(w: ByteWriter, block: ReadingBlock, row: number): void {
  const malformed = block.malformed.get(row);
  const findings = block.findings.get(row) ?? [];
  const columns =
    malformed === undefined
      ? {
          anomaly_rules: findings.map((finding) => finding.rule),
          anomaly_reason: findings.map((finding) => finding.reason).join("; "),
          severity: worst(findings),
          observed: observedOf(findings),
        }
      : { anomaly_rules: ["malformed"], anomaly_reason: malformed.detail, severity: "warning", observed: null };
  w.text(`,${JSON.stringify(columns).slice(1, -1)}`);
  w.reserve(16);
}

/** One column of one type for all rules: the first observed value that is a number. */
function observedOf(findings: readonly Finding[]): number | null {
  for (const { observed } of findings) if (typeof observed === "number") return observed;
  return null;
}

function worst(findings: readonly Finding[]): Severity {
  return findings.reduce<Severity>(
    (most, { severity }) => (SEVERITIES.indexOf(severity) > SEVERITIES.indexOf(most) ? severity : most),
    "info",
  );
}

function extraOf(block: ReadingBlock, row: number): string | undefined {
  return block.extra.size > 0 ? block.extra.get(row) : undefined;
}

function receivedText(malformed: Malformed): string {
  const { received, encoding, bytes, reason, detail } = malformed;
  return JSON.stringify({ received, encoding, bytes, reason, detail });
}

/**
 * The rows of a range and hour, the valid ones and the others, each in order of sensor and then of seq, as
 * `block index << 16 | row`. A counting sort: two passes, no comparison.
 */
function rowsOf(blocks: readonly EncodableBlock[], range: HourRange, sensors: number) {
  const validAt = new Int32Array(sensors + 1);
  const otherAt = new Int32Array(sensors + 1);
  const spans = blocks.map((stored) => spanOf(stored, range));
  for (let b = 0; b < blocks.length; b++) {
    const { block, from, to, isValid, whole } = spans[b]!;
    for (let row = from; row < to; row++) {
      if (!whole && !isWithin(block.time[row]!, range)) continue;
      (isValid === null || isValid(row) ? validAt : otherAt)[block.sensor[row]! + 1]!++;
    }
  }
  for (let i = 1; i <= sensors; i++) {
    validAt[i]! += validAt[i - 1]!;
    otherAt[i]! += otherAt[i - 1]!;
  }
  const valid = new Int32Array(validAt[sensors]!);
  const others = new Int32Array(otherAt[sensors]!);
  for (let b = 0; b < blocks.length; b++) {
    const { block, from, to, isValid, whole } = spans[b]!;
    for (let row = from; row < to; row++) {
      if (!whole && !isWithin(block.time[row]!, range)) continue;
      const sensor = block.sensor[row]!;
      if (isValid === null || isValid(row)) valid[validAt[sensor]!++] = (b << 16) | row;
      else others[otherAt[sensor]!++] = (b << 16) | row;
    }
  }
  return { valid, others };
}

/** The rows of a block that are in the range; `whole`: all of them in its hour, `isValid` null: all of them valid. */
function spanOf({ block, firstSeq }: EncodableBlock, range: HourRange) {
  const from = Math.max(0, range.first - firstSeq);
  const to = Math.min(block.count, range.last - firstSeq + 1);
  let whole = true;
  for (let row = from; row < to && whole; row++) whole = isWithin(block.time[row]!, range);
  const anyOther = block.findings.size > 0 || block.malformed.size > 0;
  const isValid = anyOther ? (row: number) => block.label[row]! >= 0 && !block.findings.has(row) : null;
  return { block, from, to, isValid, whole };
}

function isWithin(timeMs: number, { hourMs }: HourRange): boolean {
  return timeMs >= hourMs && timeMs < hourMs + MS_PER_HOUR;
}

function joined(members: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(members.reduce((sum, member) => sum + member.length, 0));
  let at = 0;
  for (const member of members) {
    body.set(member, at);
    at += member.length;
  }
  return body;
}
