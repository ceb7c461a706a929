/**
 * After a copied data dir began a new epoch: another copy may have delivered readings that this one holds and had not promised.
 * Where the store may be asked, it is, and what it has of the old epoch is not sent again under the new one: a range that is known
 * from an object's name is promised as the other copy promised it, with the same rows under the same keys.
 */
import { type EarlierEpoch, keepEarlier, revisionBefore } from "../../buffer/earlier-epochs.ts";
import { Outbox } from "../../buffer/outbox.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { chunksOf, contains, type SeqRange, sizeOf } from "../../core/seq-range.ts";
import { STAGES, type Stage } from "../../core/stage.ts";
import { breathe } from "../../core/time/bell.ts";
import { hourOf } from "../../core/time/duration.ts";
import { epochPrefix, type ParsedKey, parseKey, readingKey } from "../../uplink/object-key.ts";
import type { BufferInputs } from "../buffer-inputs.ts";
import { isUnasked, noteAsked } from "./copied.ts";
import { withinTime } from "./promised.ts";

/** Each costs a listing in five stages. */
const HOURS_ASKED = 48;
const STEP_ROWS = 10_000;

type ListedKey = { readonly stage: Stage; readonly of: ParsedKey };

/** True: the buffer was changed, and must be opened again. Nothing is changed where the store does not answer. */
export async function askAboutInherited(inputs: BufferInputs, buffer: SqliteBuffer): Promise<boolean> {
  const ended = buffer.earlier.at(-1);
  if (ended === undefined || !isUnasked(buffer)) return false;
  const { stop, now } = inputs;
  const listed: ListedKey[] = [];
  const { hours, windows } = await spreadOf(inputs, buffer, ended);
  // A store that is silent for long is not asked about the other hours.
  const isListed = await Promise.race([withinTime(list(inputs, { ended, hours, listed })), stopped(stop)]);
  stop.throwIfAborted();
  const inherited = new Inherited(inputs, buffer, { ended, listed });
  const through = buffer.transact(() => {
    const last = inherited.promise();
    inherited.markWindows(windows);
    noteAsked(buffer, { ...ended, last }, isListed === true && hours.length <= HOURS_ASKED, now());
    return last;
  });
  inherited.report(through);
  return through > ended.last;
}

function stopped(stop: AbortSignal): Promise<null> {
  return new Promise((resolve) => stop.addEventListener("abort", () => resolve(null), { once: true }));
}

type Spread = { readonly hours: readonly number[]; readonly windows: readonly number[] };

/** The hours and the windows of the readings that another copy may have sent, the oldest first. */
async function spreadOf(
  { settings, stop }: BufferInputs,
  buffer: SqliteBuffer,
  { last }: EarlierEpoch,
): Promise<Spread> {
  const [hours, windows] = [new Set<number>(), new Set<number>()];
  const first = Math.min(last + 1, Number(buffer.meta("windows_from") ?? last + 1));
  for (const step of chunksOf({ first, last: buffer.lastSeq }, STEP_ROWS)) {
    await breathe();
    stop.throwIfAborted();
    for (const { block, firstSeq } of buffer.read(step)) {
      for (let row = 0; row < block.count; row++) {
        const timeMs = block.time[row] ?? Number.NaN;
        if (firstSeq + row > last) hours.add(hourOf(timeMs));
        windows.add(Math.floor(timeMs / settings.windowMs) * settings.windowMs);
      }
    }
  }
  for (const startMs of windows) hours.add(hourOf(startMs));
  return { hours: [...hours].sort((a, b) => a - b), windows: [...windows] };
}

type StoreQuestion = { readonly ended: EarlierEpoch; readonly hours: readonly number[]; readonly listed: ListedKey[] };

async function list({ store, settings }: BufferInputs, { ended, hours, listed }: StoreQuestion): Promise<true> {
  const stages = STAGES.filter((stage) => settings.stages.includes(stage));
  for (const hourMs of hours.slice(0, HOURS_ASKED)) {
    for (const stage of stages) {
      for await (const { key } of store.list(stage, epochPrefix(hourMs, ended))) {
        const of = parseKey(stage, key);
        if (of !== null) listed.push({ stage, of });
      }
    }
  }
  return true;
}

class Inherited {
  readonly #inputs: BufferInputs;
  readonly #buffer: SqliteBuffer;
  readonly #ended: EarlierEpoch;
  readonly #listed: readonly ListedKey[];
  readonly #outbox: Outbox;

  constructor(
    inputs: BufferInputs,
    buffer: SqliteBuffer,
    { ended, listed }: { readonly ended: EarlierEpoch; readonly listed: readonly ListedKey[] },
  ) {
    const { nodeId: node, epoch } = ended;
    this.#inputs = inputs;
    this.#buffer = buffer;
    this.#ended = ended;
    this.#listed = listed;
    this.#outbox = new Outbox(buffer, new Set(inputs.settings.stages), (of) => readingKey({ ...of, node, epoch }));
  }

  /**
   * Promises what another copy promised, and returns the last seq of the old epoch then. A gap between two of its ranges was a range of it,
   * too, that was on its way. Inside the caller's transaction.
   */
  promise(): number {
    const { last } = this.#ended;
    const ranges = this.#ranges();
    let through = last;
    for (const range of ranges.filter((one) => one.last <= this.#buffer.lastSeq)) {
      // No copy of ours promised these: they overlap.
      if (range.first <= through) break;
      if (range.first > through + 1) this.#plan({ first: through + 1, last: range.first - 1 });
      this.#plan(range);
      through = range.last;
    }
    const cut = ranges.find((one) => one.first === through + 1 && one.last > this.#buffer.lastSeq);
    if (cut !== undefined && this.#isWhole(cut)) through = this.#buffer.lastSeq;
    if (through === last) return last;
    const earlier = [...this.#buffer.earlier.slice(0, -1), { ...this.#ended, last: through }];
    keepEarlier(this.#buffer.db, earlier);
    this.#buffer.setMeta("planned_through", String(through));
    return through;
  }

  /** A later revision of a window than the one that this copy knows has every reading of it that this copy has. */
  markWindows(starts: readonly number[]): void {
    const { db, lastSeq } = this.#buffer;
    const { windowMs } = this.#inputs.settings;
    const newest = new Map<number, number>();
    for (const { of } of this.#listed) {
      if (of.kind !== "window") continue;
      newest.set(of.windowStartMs, Math.max(of.revision, newest.get(of.windowStartMs) ?? -1));
    }
    const row = db.query<{ revision: number }, [number]>("SELECT revision FROM window WHERE start = ?");
    const mark = db.query(
      `INSERT INTO window VALUES (?1, ?2, -1, ?3, ?4) ON CONFLICT (start) DO UPDATE SET through_seq = ?3`,
    );
    for (const startMs of starts) {
      const known = revisionBefore(row.get(startMs)?.revision ?? -1);
      if ((newest.get(startMs) ?? -1) > known) mark.run(startMs, windowMs, lastSeq, this.#inputs.now());
    }
  }

  report(through: number): void {
    const { last, epoch } = this.#ended;
    if (through === last) return;
    const range = `${grouped(last + 1)} to ${grouped(through)}`;
    this.#inputs.log.info(
      "copied_readings_found",
      `The store has objects of epoch ${epoch} with readings ${range}: they keep its ids, and are not sent under the new epoch`,
    );
  }

  #plan(range: SeqRange): void {
    // A range with much text is planned in parts.
    for (let left = sizeOf(range); left > 0; ) {
      const before = this.#outbox.plannedThrough;
      if (this.#outbox.plan(left, this.#inputs.now()).length === 0) return;
      left -= this.#outbox.plannedThrough - before;
    }
  }

  /** Ranges that another copy promised, in order of seq, none inside another. */
  #ranges(): SeqRange[] {
    const own = this.#listed.flatMap(({ of }) => (of.kind === "readings" && of.first > this.#ended.last ? [of] : []));
    const distinct = new Map(own.map(({ first, last }) => [`${first}-${last}`, { first, last }]));
    const ordered = [...distinct.values()].sort((a, b) => a.first - b.first || b.last - a.last);
    return ordered.filter((range, at) => !ordered.slice(0, at).some((before) => contains(before, range)));
  }

  /** Every row that this copy has of a range is in an object of the store. */
  #isWhole(range: SeqRange): boolean {
    const needed = this.#outbox.objectsOf({ first: range.first, last: this.#buffer.lastSeq });
    return needed.every(({ stage, hourMs }) =>
      this.#listed.some(
        (one) =>
          one.stage === stage &&
          one.of.kind === "readings" &&
          one.of.hourMs === hourMs &&
          one.of.first === range.first &&
          one.of.last === range.last,
      ),
    );
  }
}
