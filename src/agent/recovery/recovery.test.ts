/** Corrupt buffers: real ones, damaged at seeded random places, opened again, and everything accounted for. */
import { Database } from "bun:sqlite";
import { afterAll, expect, spyOn } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Loss } from "../../buffer/buffer.ts";
import { isCorruption } from "../../buffer/corruption.ts";
import { Retention } from "../../buffer/disk/retention.ts";
import { endEpoch, firstSeqOf } from "../../buffer/earlier-epochs.ts";
import { newEpoch } from "../../buffer/epoch.ts";
import { type LossRow, lossOf, SELECT_LOSSES } from "../../buffer/ledger/losses.ts";
import type { SqliteBuffer } from "../../buffer/sqlite-buffer.ts";
import { TransientError } from "../../core/errors.ts";
import { SILENT } from "../../core/log/log.ts";
import { between, hashAt, seededRandom } from "../../core/random.ts";
import { sizeOf } from "../../core/seq-range.ts";
import { resolveSettings } from "../../core/settings/settings.ts";
import { builtInRules } from "../../rules/files/shipped.ts";
import { type Audit, audit, doubles, unsorted } from "../../testing/audit.ts";
import { FIRST_EVENT_MS, ListedSource } from "../../testing/listed-source.ts";
import { testWith } from "../../testing/needs.ts";
import { MemoryStore } from "../../uplink/memory-store.ts";
import { StoppedEarlyError } from "../buffer-inputs.ts";
import { openAgent } from "../open-agent.ts";
import { openBuffer } from "../open-buffer.ts";
import type { AgentInputs } from "../parts.ts";
import { oldEpochs, openingProblems } from "./old-epochs.ts";

const longTest = testWith("time");

const folder = mkdtempSync(join(tmpdir(), "agent-corrupt-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Epochs are random: here the seed decides, so that a printed seed makes the same database, byte for byte, but for the salts of its log. */
let chance: () => number = seededRandom(0);
const getRandomValues = spyOn(crypto, "getRandomValues").mockImplementation((bytes) => {
  if (bytes instanceof Uint8Array) for (let i = 0; i < bytes.length; i++) bytes[i] = 256 * chance();
  return bytes;
});
afterAll(() => getRandomValues.mockRestore());

const NOW = FIRST_EVENT_MS + 2 * 3_600_000;
const TOTAL = 6_000;

/** Takes objects until it fails, and loses some answers. */
class ShakyStore extends MemoryStore {
  left = Number.POSITIVE_INFINITY;
  readonly seed: number;
  readonly #random: () => number;
  listable = true;
  constructor(seed: number) {
    super();
    this.seed = seed;
    this.#random = seededRandom(seed);
  }
  override async put(...given: Parameters<MemoryStore["put"]>): Promise<"stored" | "already-there"> {
    if (this.left-- <= 0) {
      if (this.#random() < 0.5) await super.put(...given);
      throw new TransientError("the line is down");
    }
    return await super.put(...given);
  }
  override async *list(...given: Parameters<MemoryStore["list"]>): ReturnType<MemoryStore["list"]> {
    if (!this.listable) throw new TransientError("the line is down");
    yield* super.list(...given);
  }
}

/** Advances a little at each call: the work of a time slice depends on the seed, not on the machine. */
function seededClock(seed: number): () => number {
  const random = seededRandom(hashAt(seed, 4));
  let ms = 0;
  return () => (ms += 4 * random());
}

function inputs(
  dataDir: string,
  store: ShakyStore,
  source: { count: number; now?: number },
  stop: AbortSignal,
): AgentInputs {
  const flags = { "data-dir": dataDir };
  const env = { AGENT_NODE_ID: "node-1", AGENT_BATCH_ROWS: "500", AGENT_COMMIT_ROWS: "100", AGENT_KEEP: "365d" };
  return {
    settings: resolveSettings({ flags, env }),
    log: SILENT,
    store,
    stop,
    now: () => NOW,
    random: () => 0.99,
    running: seededClock(store.seed),
    rules: (catalogue) => ({ set: builtInRules(catalogue), refused: [] }),
    sources: (catalogue, committed) => [ListedSource.resumed(catalogue, committed, source)],
  };
}

type CrashedNode = {
  readonly dataDir: string;
  readonly store: ShakyStore;
  readonly accepted: number;
  readonly epoch: string;
};

/** A buffer in the middle of its work, as a crash leaves it: some delivered, some promised, some not, the log not folded in. */
async function crashed(seed: number): Promise<CrashedNode> {
  const dataDir = join(folder, `live-${seed}`);
  chance = seededRandom(hashAt(seed, 5));
  const store = new ShakyStore(seed);
  store.left = between(hashAt(seed, 1), 0, 60);
  const accepted = 100 * between(hashAt(seed, 2), 10, 50);
  const stop = new AbortController();
  const opened = await openAgent(inputs(dataDir, store, { count: TOTAL, now: accepted }, stop.signal));
  const { buffer } = opened.parts;
  const running = opened.run();
  while (buffer.lastSeq < accepted || !opened.parts.delivery.isDown) {
    if (buffer.lastSeq >= accepted && opened.parts.outbox.unplanned < 500 && opened.parts.delivery.isIdle) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  opened.stop(0);
  await running;
  if (hashAt(seed, 3) % 4 === 0) new Retention(buffer).prune(NOW + 1);
  const copy = join(folder, `crashed-${seed}`);
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  for (const name of ["buffer.db", "buffer.db-wal"]) copyFileSync(join(dataDir, name), join(copy, name));
  if (!DAMAGES[seed % DAMAGES.length]!.includes("log")) {
    const folded = new Database(join(copy, "buffer.db"));
    folded.run("PRAGMA wal_checkpoint(TRUNCATE)");
    folded.close();
  }
  await opened.close();
  rmSync(dataDir, { recursive: true });
  return { dataDir: copy, store, accepted, epoch: buffer.epoch };
}

const FLIPS = 20;
const DAMAGES = [
  "zero a page",
  "random page",
  "flip bytes",
  "no header",
  "cut",
  "flip in the log",
  "log page",
] as const;

/** Returns a description of the damage, or null when there is no such file to damage. */
function damage(dataDir: string, seed: number, kind: (typeof DAMAGES)[number]): string | null {
  const path = join(dataDir, kind.includes("log") ? "buffer.db-wal" : "buffer.db");
  if (!existsSync(path) || statSync(path).size < 8_192) return null;
  const bytes = readFileSync(path);
  const random = seededRandom(seed);
  const pages = Math.floor(bytes.length / 4_096);
  const page = Math.floor(random() * pages) * 4_096;
  const at = Math.floor(random() * bytes.length);
  const flip = (from: number, length: number) => {
    for (let i = from; i < Math.min(bytes.length, from + length); i++) bytes[i]! ^= 1 + Math.floor(random() * 255);
  };
  if (kind === "zero a page") bytes.fill(0, page, page + 4_096);
  else if (kind === "random page" || kind === "log page") flip(page, 4_096);
  else if (kind === "flip bytes") for (let i = 0; i < FLIPS; i++) flip(Math.floor(random() * bytes.length), 8);
  else if (kind === "no header") flip(0, 4_096);
  else if (kind === "flip in the log") flip(at, 4);
  writeFileSync(path, kind === "cut" ? bytes.subarray(0, Math.max(8_192, page)) : bytes);
  return `${kind} at ${page / 4_096} of ${pages}`;
}

const ONE_PAGE: readonly string[] = ["zero a page", "random page", "flip in the log", "log page"];

/** Of an epoch: every reading that was accepted is in raw or counted as lost, some without a seq. Returns how many are lost. */
function checkEpoch(
  found: Audit,
  {
    epoch,
    accepted,
    from = 1,
  }: { readonly epoch: string; readonly accepted: number; readonly from?: number | undefined },
  losses: readonly Loss[],
  { what, flipped }: { readonly what: string; readonly flipped: number },
): number {
  const seqs = new Set<number>();
  for (const id of found.ids.raw.keys()) if (id.startsWith(epoch)) seqs.add(Number(id.slice(epoch.length + 1)));
  const lost = new Set<number>();
  let nameless = 0;
  for (const { range, count } of losses) {
    if (range === null) {
      nameless += count;
      continue;
    }
    expect([what, count]).toEqual([what, sizeOf(range)]);
    for (let seq = range.first; seq <= range.last; seq++) lost.add(seq);
  }
  const missing = Array.from({ length: accepted - from + 1 }, (_, i) => from + i).filter(
    (seq) => !seqs.has(seq) && !lost.has(seq),
  );
  expect([what, missing.slice(nameless)]).toEqual([what, []]);
  const halfway = unsorted(found).filter((id) => id.startsWith(epoch) && !lost.has(Number(id.slice(epoch.length + 1))));
  // A flipped verdict moves a reading from one stage to another.
  expect([what, halfway.slice(flipped)]).toEqual([what, []]);
  return lost.size + nameless;
}

function lossesOf(buffer: SqliteBuffer, epoch: string | null): Loss[] {
  try {
    const rows = buffer.db.query<LossRow, []>(SELECT_LOSSES).all();
    return rows.filter((row) => row.epoch === epoch).map(lossOf);
  } catch (error) {
    // A damaged page that was not read until now.
    if (isCorruption(error)) return [];
    throw error;
  }
}

/** Aggregates and valid readings agree, but for lost readings, which may be in a window that was issued before. */
function checkWindows(found: Audit, epoch: string, lost: number, what: string): void {
  const valid = [...found.ids.validated.keys()].filter((id) => id.startsWith(epoch)).length;
  let records = 0;
  for (const [id, window] of found.windows) if (id.startsWith(epoch)) records += window.records;
  expect([what, records >= valid && records <= valid + lost ? valid : records]).toEqual([what, valid]);
}

longTest(
  "a buffer damaged anywhere is set aside; every reading is delivered exactly once or counted as lost",
  async () => {
    const only = Number(process.env["SEED"] ?? "0");
    const count = Number(process.env["SEEDS"] ?? "21");
    const seeds = only > 0 ? [only] : Array.from({ length: count }, (_, i) => i + 1);
    let [accepted, lost, setAside] = [0, 0, 0];
    for (const seed of seeds) {
      const made = await crashed(seed);
      const kind = DAMAGES[seed % DAMAGES.length]!;
      const what = `SEED=${seed} ${damage(made.dataDir, seed, kind)}`;
      made.store.left = Number.POSITIVE_INFINITY;
      const opened = await openAgent(inputs(made.dataDir, made.store, { count: TOTAL }, new AbortController().signal));
      const end = await opened.run();
      expect([what, end.finished]).toEqual([what, true]);
      const found = await audit(made.store);
      const { buffer } = opened.parts;
      // A row has no checksum: a flipped time puts a delivered reading into another hour's object (docs/guarantees.md).
      const flipped = kind === "flip bytes" ? FLIPS : 0;
      expect([what, doubles(found).slice(3 * flipped)]).toEqual([what, []]);
      const epochs = oldEpochs(buffer);
      for (const old of epochs) {
        const gone = checkEpoch(found, old, lossesOf(buffer, old.epoch), { what, flipped });
        expect([what, gone]).toEqual([what, old.lost]);
        if (!/aggregates/.test(buffer.meta("corrupt") ?? "")) checkWindows(found, old.epoch, gone, what);
        if (ONE_PAGE.includes(kind)) [accepted, lost] = [accepted + old.accepted, lost + gone];
      }
      const { epoch, lastSeq } = buffer;
      checkEpoch(found, { epoch, accepted: lastSeq }, lossesOf(buffer, null), { what, flipped });
      checkWindows(found, buffer.epoch, 0, what);
      const [problem] = openingProblems(buffer, NOW);
      const files = readdirSync(made.dataDir).filter((name) => /^buffer\.corrupt-.*\.db$/.test(name));
      expect([what, files.length]).toEqual([what, problem === undefined ? 0 : 1]);
      if (problem !== undefined) {
        setAside++;
        expect(problem.code).toBe("buffer_was_corrupt");
        expect(problem.message).toContain(files[0]!);
        // The source continued at its cursor, unless the problem reports that the cursor is unknown.
        const sum = epochs.reduce((total, old) => total + old.accepted, buffer.lastSeq);
        const isCursorLost = problem.message.includes("they start again") || !epochs.every((old) => old.certain);
        expect([what, isCursorLost || sum === TOTAL]).toEqual([what, true]);
      }
      await opened.close();
      rmSync(made.dataDir, { recursive: true });
    }
    if (only > 0) return;
    expect(setAside).toBeGreaterThan(seeds.length / 2);
    // One bad page costs the readings on it, not those around it.
    expect(lost).toBeLessThan(accepted / 50);
  },
  600_000,
);

longTest(
  "when neither buffer nor store knows what was delivered, readings are counted as lost and not sent twice",
  async () => {
    const made = await crashed(14);
    const db = new Database(join(made.dataDir, "buffer.db"));
    const roots = db
      .query<{ page: number }, []>("SELECT rootpage AS page FROM sqlite_master WHERE tbl_name = 'batch'")
      .all();
    db.close();
    const bytes = readFileSync(join(made.dataDir, "buffer.db"));
    for (const { page } of roots) bytes.fill(0xff, (page - 1) * 4_096, page * 4_096);
    writeFileSync(join(made.dataDir, "buffer.db"), bytes);
    made.store.listable = false;
    made.store.left = Number.POSITIVE_INFINITY;
    const before = await auditListed(made.store);
    const opened = await openAgent(inputs(made.dataDir, made.store, { count: TOTAL }, new AbortController().signal));
    await opened.run();
    const after = await auditListed(made.store);
    const [old] = oldEpochs(opened.parts.buffer);
    expect(doubles(after)).toEqual([]);
    const isOld = (id: string) => id.startsWith(made.epoch);
    const known = [...before.ids.raw.keys()].filter(isOld).length;
    const sent = [...after.ids.raw.keys()].filter(isOld).length - known;
    // Promised readings are counted as lost; the count in the buffer identifies the others, which are sent.
    expect(sent + old!.lost).toBe(old!.accepted);
    expect(openingProblems(opened.parts.buffer, NOW)[0]!.message).toContain("not whether they were delivered");
    await opened.close();
  },
);

async function auditListed(store: ShakyStore): Promise<Audit> {
  store.listable = true;
  const found = await audit(store);
  store.listable = false;
  return found;
}

longTest("a salvage that is interrupted starts again, and ends the same", async () => {
  const made = await crashed(21);
  const { dataDir } = made;
  damage(dataDir, 21, "no header");
  const stop = new AbortController();
  const given = inputs(dataDir, made.store, { count: TOTAL }, stop.signal);
  const log = { ...SILENT, error: () => stop.abort() };
  await expect(openBuffer({ ...given, log })).rejects.toThrow(StoppedEarlyError);
  expect(existsSync(join(dataDir, "buffer.corrupt.json"))).toBe(true);
  made.store.left = Number.POSITIVE_INFINITY;
  const opened = await openAgent(inputs(dataDir, made.store, { count: TOTAL }, new AbortController().signal));
  await opened.run();
  expect(existsSync(join(dataDir, "buffer.corrupt.json"))).toBe(false);
  const found = await audit(made.store);
  expect(doubles(found)).toEqual([]);
  expect(found.ids.raw.size).toBe(TOTAL);
  await opened.close();
});

/** A crashed buffer that begins a new epoch, as one that was copied, takes more and crashes again. */
async function crashedTwice(seed: number): Promise<CrashedNode> {
  const made = await crashed(seed);
  const { dataDir, store } = made;
  const db = new Database(join(dataDir, "buffer.db"));
  const epoch = newEpoch(NOW, crypto.getRandomValues(new Uint8Array(10)));
  db.transaction(() => endEpoch(db, epoch, NOW))();
  db.close();
  store.left = between(hashAt(seed, 6), 0, 40);
  const accepted = Math.min(TOTAL, made.accepted + 100 * between(hashAt(seed, 7), 5, 20));
  const opened = await openAgent(inputs(dataDir, store, { count: TOTAL, now: accepted }, new AbortController().signal));
  const running = opened.run();
  const { buffer, outbox, delivery } = opened.parts;
  expect(buffer.epoch).toBe(epoch);
  while (buffer.lastSeq < accepted || !delivery.isDown) {
    if (buffer.lastSeq >= accepted && outbox.unplanned < 500 && delivery.isIdle) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  opened.stop(0);
  await running;
  await opened.close();
  return { dataDir, store, accepted, epoch };
}

longTest(
  "a damaged buffer that had an epoch before: the readings of both keep their ids, each once or counted as lost",
  async () => {
    const only = Number(process.env["SEED"] ?? "0");
    const kinds = DAMAGES.filter((kind) => !kind.includes("log"));
    let setAside = 0;
    for (const seed of only > 0 ? [only] : Array.from({ length: 12 }, (_, i) => 101 + i)) {
      const { dataDir, store } = await crashedTwice(seed);
      const kind = kinds[seed % kinds.length]!;
      const what = `SEED=${seed} ${damage(dataDir, seed, kind)}`;
      store.left = Number.POSITIVE_INFINITY;
      const opened = await openAgent(inputs(dataDir, store, { count: TOTAL }, new AbortController().signal));
      const end = await opened.run();
      expect([what, end.finished]).toEqual([what, true]);
      const found = await audit(store);
      const { buffer } = opened.parts;
      const flipped = kind === "flip bytes" ? FLIPS : 0;
      expect([what, doubles(found).slice(3 * flipped)]).toEqual([what, []]);
      const before = oldEpochs(buffer);
      for (const old of before) checkEpoch(found, old, lossesOf(buffer, old.epoch), { what, flipped });
      if (before.length === 2) {
        setAside++;
        const [first, second] = before;
        expect([what, second!.from]).toEqual([what, first!.accepted + 1]);
      }
      const own = { epoch: buffer.epoch, accepted: buffer.lastSeq, from: firstSeqOf(buffer.earlier) };
      checkEpoch(found, own, lossesOf(buffer, null), { what, flipped });
      await opened.close();
      rmSync(dataDir, { recursive: true });
    }
    if (only === 0) expect(setAside).toBeGreaterThan(4);
  },
  600_000,
);

/** Of single bits, as a worn flash flips them: SQLite sees few of them, so any code may meet any value. */
function flipBits(path: string, seed: number): string {
  const random = seededRandom(hashAt(seed, 9));
  const bytes = readFileSync(path);
  const flips = Array.from({ length: between(hashAt(seed, 10), 1, 4) }, () => [
    Math.floor(random() * bytes.length),
    Math.floor(random() * 8),
  ]);
  for (const [at = 0, bit = 0] of flips) bytes[at]! ^= 1 << bit;
  writeFileSync(path, bytes);
  return JSON.stringify(flips);
}

longTest(
  "a few flipped bits anywhere never keep the agent from its work: a start always ends",
  async () => {
    const seed = Number(process.env["FLIPS_SEED"] ?? Date.now() % 100_000);
    for (let i = 0; i < Number(process.env["FLIPS"] ?? 12); i++) {
      // A seed whose log is folded into the database.
      const made = await crashed(7 * (1 + (i % 3)));
      const what = `FLIPS_SEED=${seed + i} FLIPS=1 ${flipBits(join(made.dataDir, "buffer.db"), seed + i)}`;
      made.store.left = Number.POSITIVE_INFINITY;
      try {
        const opened = await openAgent(
          inputs(made.dataDir, made.store, { count: TOTAL }, new AbortController().signal),
        );
        const end = await opened.run();
        await opened.close();
        expect([what, end.finished]).toEqual([what, true]);
      } catch (error) {
        throw new Error(what, { cause: error });
      }
      rmSync(made.dataDir, { recursive: true });
    }
  },
  600_000,
);

longTest(
  "a column whose name a flipped bit changed is damage like any other",
  async () => {
    for (const [from, to] of [
      ["ingested_at", "ingested_au"],
      ["CREATE TABLE finding", "CREATE TABLE findinh"],
      ["planned_at", "plannee_at"],
      ["through_seq", "through_ser"],
    ] as const) {
      const made = await crashed(7);
      const path = join(made.dataDir, "buffer.db");
      const bytes = readFileSync(path);
      for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at);
      writeFileSync(path, bytes);
      made.store.left = Number.POSITIVE_INFINITY;
      const opened = await openAgent(inputs(made.dataDir, made.store, { count: TOTAL }, new AbortController().signal));
      const end = await opened.run();
      await opened.close();
      const found = await audit(made.store);
      expect([from, end.finished, doubles(found)]).toEqual([from, true, []]);
      expect([from, readdirSync(made.dataDir).some((name) => name.startsWith("buffer.corrupt-"))]).toEqual([
        from,
        true,
      ]);
      rmSync(made.dataDir, { recursive: true });
    }
  },
  600_000,
);

longTest(
  "two batches under one key, as a flipped bit makes them, do not hold up the salvage",
  async () => {
    const made = await crashed(14);
    const path = join(made.dataDir, "buffer.db");
    const db = new Database(path, { readonly: true });
    const keys = db
      .query<{ key: string }, []>("SELECT DISTINCT key FROM batch WHERE stage = 'raw' ORDER BY id DESC")
      .all()
      .map(({ key }) => key);
    db.close();
    const [one = "", other = ""] = keys.filter((key) => key.length === keys[0]?.length);
    expect(other).not.toBe("");
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf(one); at >= 0; at = bytes.indexOf(one, at + 1)) bytes.write(other, at);
    // A first page that cannot be read: the buffer is set aside.
    bytes.fill(0xff, 20, 90);
    writeFileSync(path, bytes);
    made.store.left = Number.POSITIVE_INFINITY;
    const opened = await openAgent(inputs(made.dataDir, made.store, { count: TOTAL }, new AbortController().signal));
    const end = await opened.run();
    const found = await audit(made.store);
    const { buffer } = opened.parts;
    expect([end.finished, doubles(found), oldEpochs(buffer).length]).toEqual([true, [], 1]);
    for (const old of oldEpochs(buffer)) {
      checkEpoch(found, old, lossesOf(buffer, old.epoch), { what: "two batches under one key", flipped: 0 });
    }
    await opened.close();
  },
  600_000,
);
