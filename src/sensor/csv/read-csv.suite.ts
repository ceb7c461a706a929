/** Reads a text of CSV, as a source does: in chunks, in blocks, and, if asked, by a new format behind each block. */
import { type Malformed, ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { NO_CONTEXT, type RecordContext } from "../context.ts";
import { parseMapping } from "../map/map-file.ts";
import { SourceNormalizers } from "../normalizers.ts";
import { loadProfile, shippedProfiles } from "../profile/shipped.ts";
import { CsvFormat } from "./format.ts";
import { csvOptions, type GivenCsv } from "./options.ts";

export type CsvReading = {
  readonly csv?: GivenCsv;
  readonly map?: object;
  readonly profile?: string;
  readonly context?: RecordContext;
  readonly chunk?: number;
  readonly capacity?: number;
  /** Each block is read by a format of its own, which continues where the one before stopped. */
  readonly resume?: boolean;
};

export type ReadCsv = {
  readonly rows: readonly ReturnType<typeof readingsOf>[number][];
  readonly malformed: readonly Malformed[];
  /** The states of the format, in their order. */
  readonly states: ReadonlySet<string | null>;
};

const PROFILES = shippedProfiles();

export function readCsv(file: string | Buffer, options: CsvReading = {}): ReadCsv {
  const bytes = Buffer.from(file);
  const catalogue = new SensorCatalogue();
  const mapping = parseMapping(JSON.stringify(options.map ?? {}), "map.json", PROFILES);
  const profile =
    PROFILES.find(({ name }) => name === (options.profile ?? "environmental")) ?? loadProfile("environmental");
  const csv = csvOptions(mapping.csv ?? {}, options.csv ?? {});
  const normalizer = new SourceNormalizers({ catalogue, profile, mapping }).text(csv.decimal);
  const { chunk = bytes.length + 1, capacity = 1_000, resume = false } = options;
  const rows: ReadCsv["rows"][number][] = [];
  const malformed: Malformed[] = [];
  const states = new Set<string | null>();
  let format = new CsvFormat(normalizer, csv);
  format.context = options.context ?? NO_CONTEXT;
  let at = 0;
  for (;;) {
    const block = new ReadingBlock(capacity);
    format.read(block, 0);
    states.add(format.state);
    rows.push(...readingsOf(block, catalogue));
    malformed.push(...block.malformed.values());
    if (format.done) return { rows, malformed, states };
    if (resume && block.count > 0) {
      const start = {
        position: format.position,
        state: format.state,
        bytes: (from: number, to: number) => bytes.subarray(from, to),
      };
      at = start.position;
      format = new CsvFormat(normalizer, csv, start);
      format.context = options.context ?? NO_CONTEXT;
    } else if (block.full) continue;
    format.push(Buffer.from(bytes.subarray(at, at + chunk)));
    at += chunk;
    if (at >= bytes.length) format.end();
  }
}
