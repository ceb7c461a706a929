/**
 * A format whose records are rows of one quantity each, which are joined to readings (`wide` of the map). A reading that waits for
 * more rows is in no block, and its rows are behind `position`: a later format reads them again.
 */
import type { ReadingBlock } from "../core/reading.ts";
import type { RecordContext } from "./context.ts";
import type { FormatStart, MakeFormat, RecordFormat } from "./format.ts";
import type { SourceNormalizers } from "./normalizers.ts";

type Place = { readonly position: number; readonly state: string | null };

export class WideFormat implements RecordFormat {
  readonly #inner: RecordFormat;
  readonly #normalizers: SourceNormalizers;
  /** Where the first row of the open set begins; null: none is open. */
  #openAt: Place | null = null;

  /** `normalizers`: those that `inner` has for itself alone. */
  constructor(inner: RecordFormat, normalizers: SourceNormalizers) {
    this.#inner = inner;
    this.#normalizers = normalizers;
  }

  push(chunk: Uint8Array): void {
    this.#inner.push(chunk);
  }

  end(): void {
    this.#inner.end();
  }

  read(block: ReadingBlock, nowMs: number): void {
    const inner = this.#inner;
    for (let isPaused = true; isPaused; ) {
      const before = placeOf(inner);
      const sets = this.#normalizers.wide?.sets;
      // The shaper pauses the block behind each record, so that its place is known.
      block.pausesAfterRecords = true;
      inner.read(block, nowMs);
      isPaused = block.isPaused;
      block.isPaused = block.pausesAfterRecords = false;
      const { wide } = this.#normalizers;
      if (wide?.isOpen !== true) this.#openAt = null;
      else if (wide.sets !== sets) this.#openAt = before;
    }
    const { dueAtMs } = this;
    if (dueAtMs !== null && (inner.done || nowMs >= dueAtMs)) this.finish(block);
  }

  /** No more records will come: what waits for them is complete. */
  finish(block: ReadingBlock): void {
    this.#normalizers.wide?.flush(block);
    this.#openAt = null;
  }

  get waitingBytes(): number {
    return this.#inner.waitingBytes;
  }

  get done(): boolean {
    return this.#inner.done && this.#normalizers.wide?.isOpen !== true;
  }

  get position(): number {
    return this.#openAt?.position ?? this.#inner.position;
  }

  /** How far it has read: rows before it may wait for others. */
  get readTo(): number {
    return this.#inner.position;
  }

  get state(): string | null {
    return this.#openAt === null ? this.#inner.state : this.#openAt.state;
  }

  get dueAtMs(): number | null {
    return this.#normalizers.wide?.dueAtMs ?? null;
  }

  get context(): RecordContext {
    return this.#inner.context;
  }

  set context(context: RecordContext) {
    this.#inner.context = context;
  }
}

/** The format as `make` makes it; where the map joins rows, with normalizers of its own. */
export function joining(make: MakeFormat, normalizers: SourceNormalizers, start: FormatStart | null): RecordFormat {
  const own = normalizers.forStream();
  return own === normalizers ? make(normalizers, start) : new WideFormat(make(own, start), own);
}

function placeOf({ position, state }: RecordFormat): Place {
  return { position, state };
}
