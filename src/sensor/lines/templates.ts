/**
 * The templates that lines have left, and the one that a line is like. They belong to what makes rows (a normalizer), not to a stream:
 * the lines of the next request are like those of the last.
 */
import { CLOSE_BRACE, COMMA, QUOTE, SPACE } from "../../core/ascii.ts";
import type { ReadingBlock } from "../../core/reading.ts";
import type { RecordContext } from "../context.ts";
import { type AskedValues, askedBy } from "../learn/asked.ts";
import { type Learnt, templateOf } from "../learn/learn-template.ts";
import type { Normalizer } from "../row/normalize.ts";
import type { Line } from "./line.ts";
import { RowWriter } from "./row-writer.ts";
import { LineScan } from "./scan.ts";
import type { LineTemplate } from "./template.ts";

/** Fixed bytes of all templates together; at the limit all are dropped. About 6,000 sensors with 16 identity columns. */
const TEMPLATE_BYTES = 4 * 1024 * 1024;
/** Readings of one line: more need more memory than they are worth. */
const ROWS_MOST = 1_000;
/** Templates of one sensor: a few writers that spell it differently; the oldest is dropped. */
const PER_SENSOR = 4;
/** The same of lines without the id of a sensor. */
const WITHOUT_SENSOR = 16;
/** Making a template costs as much as sixteen slow lines, so it must be earned: lines that never match get few. */
const CREDIT = { start: 32_768, most: 32_768, cost: 64, hit: 8, miss: 1 } as const;

/** Topics, files, requests of which templates are known; at the limit all are dropped. */
const CONTEXTS_MOST = 10_000;

/** What lines of one context have left. */
type Known = {
  readonly byHash: Map<number, LineTemplate[]>;
  last: LineTemplate | null;
};

export class LineTemplates {
  readonly asked: AskedValues;
  readonly #normalizer: Normalizer;
  readonly #scan: LineScan;
  readonly #rows: RowWriter;
  readonly #idKeys: readonly Buffer[];
  /** What of the context a map asks for. */
  readonly #contextNames: readonly (keyof RecordContext)[];
  readonly #byContext = new Map<string, Known>();
  #context: RecordContext;
  #known: Known;
  /** The map makes fields out of values, in ways that only it knows. */
  readonly #isOpen: boolean;
  #bytes = 0;
  #credit: number = CREDIT.start;

  constructor(normalizer: Normalizer) {
    const { mapping, timestamps, context } = normalizer;
    this.asked = askedBy(mapping);
    const { idNames, contextNames } = this.asked;
    this.#normalizer = normalizer;
    this.#scan = new LineScan(timestamps, mapping.absent);
    this.#rows = new RowWriter(normalizer, this.#scan);
    this.#idKeys = idNames.map((name) => Buffer.from(`${JSON.stringify(name)}:`));
    this.#contextNames = contextNames;
    this.#isOpen = (mapping.shape?.makers.length ?? 0) > 0;
    this.#context = context;
    this.#known = this.#knownIn(context);
  }

  /** Appends the readings of the line; false where no template reads it, and nothing was appended. */
  read(block: ReadingBlock, line: Line, nowMs: number): boolean {
    if (this.#normalizer.context !== this.#context) this.#enter(this.#normalizer.context);
    const known = this.#known;
    const { last } = known;
    let template = last?.next ?? null;
    if (template === null || !template.match(line, this.#scan)) template = this.#find(line);
    if (template === null || !this.#rows.append(block, line, template, nowMs)) return false;
    if (last !== null) last.next = template;
    known.last = template;
    if (this.#credit < CREDIT.most) this.#credit += CREDIT.hit;
    return true;
  }

  /** A line was read slowly. Returns whether a template may be made of it and of its rows; `learn` is then called. */
  mayLearn(lineBytes: number, rows: number): boolean {
    if (this.#isOpen) return false;
    this.#credit = Math.min(CREDIT.most, this.#credit + CREDIT.miss);
    if (this.#credit < CREDIT.cost || lineBytes * 64 > TEMPLATE_BYTES || rows > ROWS_MOST) return false;
    this.#credit -= CREDIT.cost;
    return true;
  }

  learn(learnt: Learnt): void {
    const { line } = learnt;
    const template = templateOf(learnt, this.#normalizer);
    if (template === null) return;
    this.#scan.reserve(template.gaps.length);
    if (this.#bytes + template.size > TEMPLATE_BYTES) this.#drop();
    const { byHash, last } = this.#known;
    const hash = this.#hashOf(line, 0, line.length);
    const most = hash === 0 ? WITHOUT_SENSOR : PER_SENSOR;
    const alike = byHash.get(hash) ?? [];
    if (alike.length >= most) this.#bytes -= alike.pop()?.size ?? 0;
    alike.unshift(template);
    byHash.set(hash, alike);
    this.#bytes += template.size;
    if (last !== null) last.next = template;
    this.#known.last = template;
  }

  #find(line: Line): LineTemplate | null {
    const candidates = this.#known.byHash.get(this.#hashOf(line.bytes, line.from, line.to));
    if (candidates === undefined) return null;
    for (const each of candidates) if (each.match(line, this.#scan)) return each;
    return null;
  }

  /** Only a hint where to look: a template is then compared byte by byte. 0: no id was found. */
  #hashOf(bytes: Buffer, from: number, to: number): number {
    if (this.#idKeys.length === 0) return 0;
    const line = bytes.subarray(from, to);
    let hash = 0;
    for (const key of this.#idKeys) {
      const found = line.indexOf(key);
      if (found < 0) continue;
      let at = from + found + key.length;
      while (bytes[at] === SPACE) at++;
      hash ^= 0x811c9dc5;
      for (at++; at < to; at++) {
        const code = bytes[at]!;
        if (code === QUOTE || code === COMMA || code === CLOSE_BRACE) break;
        hash = Math.imul(hash ^ code, 0x01000193);
      }
    }
    return hash;
  }

  #enter(context: RecordContext): void {
    this.#context = context;
    this.#known = this.#knownIn(context);
  }

  #knownIn(context: RecordContext): Known {
    const key = this.#contextNames.map((name) => JSON.stringify(context[name] ?? null)).join();
    const known = this.#byContext.get(key);
    if (known !== undefined) return known;
    if (this.#byContext.size >= CONTEXTS_MOST) {
      this.#byContext.clear();
      this.#bytes = 0;
    }
    const made = { byHash: new Map(), last: null };
    this.#byContext.set(key, made);
    return made;
  }

  #drop(): void {
    this.#byContext.clear();
    this.#bytes = 0;
    this.#enter(this.#context);
  }
}

const SHARED = new WeakMap<Normalizer, LineTemplates>();

/** Those of all streams that this normalizer makes rows of. */
export function templatesOf(normalizer: Normalizer): LineTemplates {
  const shared = SHARED.get(normalizer) ?? new LineTemplates(normalizer);
  SHARED.set(normalizer, shared);
  return shared;
}
