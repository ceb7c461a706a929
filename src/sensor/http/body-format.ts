/** From a whole body to its rows. */
import { OPEN_BRACE, OPEN_BRACKET } from "../../core/ascii.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import type { FormatStart, MakeFormat, RecordFormat } from "../format.ts";
import { InfluxFormat } from "../influx/influx-format.ts";
import { precisionOf } from "../influx/line-protocol.ts";
import { JsonValues } from "../json/json-values.ts";
import { appendScalar } from "../json/scalar-record.ts";
import { LineDecoder } from "../lines/decoder.ts";
import { NdjsonFormat } from "../lines/ndjson.ts";
import { templatesOf } from "../lines/templates.ts";
import { takesArrays } from "../map/record-shape.ts";
import type { SourceNormalizers } from "../normalizers.ts";
import { type FormatSpec, loadFormat } from "../open-format.ts";
import type { Normalizer } from "../row/normalize.ts";
import { joining } from "../wide-format.ts";
import type { RequestHead } from "./admission.ts";
import { type BodyKind, bodyKindOf } from "./body-kind.ts";
import type { PartTaken } from "./keys.ts";
import { kindOfPath } from "./paths.ts";
import type { HttpUri } from "./uri.ts";

export type Body = { readonly bytes: Buffer; readonly context: RecordContext; readonly start: PartTaken | null };

/** Ours by their kind, others by what is said of them. */
export type BodySpec = Exclude<BodyKind, "csv" | "tsv"> | "points" | FormatSpec;

export class BodyFormats {
  readonly #normalizers: SourceNormalizers;
  readonly #at: HttpUri;
  readonly #loaded = new Map<string, MakeFormat>();

  constructor(normalizers: SourceNormalizers, at: HttpUri) {
    this.#normalizers = normalizers;
    this.#at = at;
  }

  specOf(head: RequestHead, bytes: Buffer): BodySpec {
    const { path, format, specOf } = this.#at;
    if (kindOfPath(head.path, path)?.kind === "points" && typeof format === "string") return "points";
    if (typeof format === "object") return format.name === "influx" ? "points" : format;
    const kind = format === "auto" ? bodyKindOf(head, bytes) : format;
    return kind === "csv" || kind === "tsv" ? specOf(kind) : kind;
  }

  /** A format that is an object was loaded before. */
  open(spec: BodySpec, { query }: RequestHead, body: Body): RecordFormat {
    if (typeof spec === "object") return this.#others(body, spec);
    if (spec !== "points") return this.#records(body, spec);
    const precision = precisionOf(new URLSearchParams(query).get("precision")) ?? "ns";
    return this.#begin(body, ({ typed }, start) => new InfluxFormat(typed, precision, start));
  }

  #records(body: Body, kind: Exclude<BodyKind, "csv" | "tsv">): RecordFormat {
    const { bytes } = body;
    if (kind === "ndjson") return this.#begin(body, ({ typed }, start) => new NdjsonFormat(typed, start));
    // Every value of a form is a text.
    if (kind === "form") {
      return this.#begin(body, (normalizers) => new ValuesFormat(formOf(bytes), normalizers.text(null), "json", null));
    }
    return this.#begin(body, ({ typed }, start) => new ValuesFormat(bytes, typed, kind, start));
  }

  async load(spec: FormatSpec): Promise<void> {
    if (!this.#loaded.has(spec.name)) this.#loaded.set(spec.name, await loadFormat(spec));
  }

  /** Formats that every source has. */
  #others(body: Body, { name }: FormatSpec): RecordFormat {
    const make = this.#loaded.get(name);
    if (make === undefined) throw new Error(`the format "${name}" is not loaded`);
    return begun(body, (start) => make(this.#normalizers, start));
  }

  /** Rows that the map joins to readings are joined within a body. */
  #begin(body: Body, make: MakeFormat): RecordFormat {
    return begun(body, (start) => joining(make, this.#normalizers, start));
  }
}

function begun({ bytes, start, context }: Body, make: (start: FormatStart | null) => RecordFormat): RecordFormat {
  const format = make(start === null ? null : { ...start, bytes: (from, to) => bytes.subarray(from, to) });
  format.context = context;
  format.push(bytes.subarray(start?.position ?? 0));
  format.end();
  return format;
}

/** `temperature=21.5&id=a` as an object of texts; of a name that occurs twice the last value. */
function formOf(bytes: Buffer): Buffer {
  const pairs = new URLSearchParams(bytes.toString("utf8").trim());
  return Buffer.from(JSON.stringify(Object.fromEntries(pairs)));
}

/** JSON values with white space between them, the items of an array, or lines of text. It has the whole body from the beginning. */
class ValuesFormat implements RecordFormat {
  context: RecordContext = NO_CONTEXT;
  readonly #values: JsonValues;
  readonly #decoder: LineDecoder;
  readonly #normalizer: Normalizer;

  constructor(body: Buffer, normalizer: Normalizer, kind: "json" | "text", start: FormatStart | null) {
    const { maxLineBytes: maxBytes, mapping } = normalizer;
    const keepsArrays = takesArrays(mapping.shape);
    this.#values = new JsonValues(body, { maxBytes, keepsArrays, isText: kind === "text" });
    if (start !== null) this.#values.resume(start.position, start.state);
    this.#decoder = new LineDecoder(normalizer, templatesOf(normalizer));
    this.#normalizer = normalizer;
  }

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
