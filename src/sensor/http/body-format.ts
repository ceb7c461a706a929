/** From a whole body to its rows. */
import { OPEN_BRACE, OPEN_BRACKET } from "../../core/ascii.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../context.ts";
import type { MakeFormat, RecordFormat } from "../format.ts";
import { InfluxFormat } from "../influx/influx-format.ts";
import type { Precision } from "../influx/line-protocol.ts";
import { LineDecoder } from "../lines/decoder.ts";
import { NdjsonFormat } from "../lines/ndjson.ts";
import { templatesOf } from "../lines/templates.ts";
import { takesArrays } from "../map/record-shape.ts";
import type { SourceNormalizers } from "../normalizers.ts";
import { type FormatSpec, loadFormat } from "../open-format.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { BodyKind } from "./body-kind.ts";
import { JsonValues } from "./json-values.ts";
import type { PartTaken } from "./keys.ts";
import { appendScalar } from "./scalar-record.ts";

export type Body = { readonly bytes: Buffer; readonly context: RecordContext; readonly start: PartTaken | null };

export class BodyFormats {
  readonly #normalizers: SourceNormalizers;
  readonly #normalizer: Normalizer;
  readonly #decoder: LineDecoder;
  /** The record of a map may be a whole array. */
  readonly #keepsArrays: boolean;
  readonly #loaded = new Map<string, MakeFormat>();

  constructor(normalizers: SourceNormalizers) {
    const normalizer = normalizers.typed;
    this.#normalizers = normalizers;
    this.#normalizer = normalizer;
    this.#decoder = new LineDecoder(normalizer, templatesOf(normalizer));
    this.#keepsArrays = takesArrays(normalizer.mapping.shape);
  }

  points(body: Body, precision: Precision): RecordFormat {
    return this.#begin(body, (start) => new InfluxFormat(this.#normalizer, precision, start));
  }

  records(body: Body, kind: Exclude<BodyKind, "csv" | "tsv">): RecordFormat {
    const { bytes, start, context } = body;
    if (kind === "ndjson") return this.#begin(body, (from) => new NdjsonFormat(this.#normalizer, from));
    const maxBytes = this.#normalizer.maxLineBytes;
    if (kind === "form") {
      // Every value is a text.
      const normalizer = this.#normalizers.text(null);
      const values = new JsonValues(formOf(bytes), { maxBytes, keepsArrays: true });
      return new ValuesFormat({
        values,
        decoder: new LineDecoder(normalizer, templatesOf(normalizer)),
        normalizer,
        context,
      });
    }
    const values = new JsonValues(bytes, { maxBytes, keepsArrays: this.#keepsArrays, isText: kind === "text" });
    if (start !== null) values.resume(start.position, start.state);
    return new ValuesFormat({ values, decoder: this.#decoder, normalizer: this.#normalizer, context });
  }

  /** Before `others` with this format. */
  async load(spec: FormatSpec): Promise<void> {
    if (!this.#loaded.has(spec.name)) this.#loaded.set(spec.name, await loadFormat(spec));
  }

  /** Formats that every source has. */
  others(body: Body, { name }: FormatSpec): RecordFormat {
    const make = this.#loaded.get(name);
    if (make === undefined) throw new Error(`the format "${name}" is not loaded`);
    return this.#begin(body, (start) => make(this.#normalizers, start));
  }

  #begin({ bytes, start, context }: Body, make: (start: Parameters<MakeFormat>[1]) => RecordFormat): RecordFormat {
    const format = make(start === null ? null : { ...start, bytes: (from, to) => bytes.subarray(from, to) });
    format.context = context;
    format.push(bytes.subarray(start?.position ?? 0));
    format.end();
    return format;
  }
}

/** `temperature=21.5&id=a` as an object of texts; of a name that occurs twice the last value. */
function formOf(bytes: Buffer): Buffer {
  const pairs = new URLSearchParams(bytes.toString("utf8").trim());
  return Buffer.from(JSON.stringify(Object.fromEntries(pairs)));
}

/** JSON values with white space between them, the items of an array, or lines of text. */
class ValuesFormat implements RecordFormat {
  context: RecordContext;
  readonly #values: JsonValues;
  readonly #decoder: LineDecoder;
  readonly #normalizer: Normalizer;

  constructor(of: {
    readonly values: JsonValues;
    readonly decoder: LineDecoder;
    readonly normalizer: Normalizer;
    readonly context: RecordContext;
  }) {
    this.#values = of.values;
    this.#decoder = of.decoder;
    this.#normalizer = of.normalizer;
    this.context = of.context;
  }

  /** The body is whole. */
  push(): void {}
  end(): void {}

  read(block: ReadingBlock, nowMs: number): void {
    const values = this.#values;
    this.#decoder.context = this.context;
    while (!block.full && values.next()) {
      const first = values.bytes[values.from];
      if (first === OPEN_BRACE || first === OPEN_BRACKET) this.#decoder.decode(block, values, nowMs);
      else appendScalar(block, values, this.#normalizer, nowMs);
    }
  }

  get waitingBytes(): number {
    return this.#values.bytes.length - this.#values.position;
  }

  get done(): boolean {
    return this.#values.done;
  }

  get position(): number {
    return this.#values.position;
  }

  get state(): string | null {
    return this.#values.state;
  }
}
