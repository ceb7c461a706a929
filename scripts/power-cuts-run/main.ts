/**
 * `scripts/power-cuts`: the compiled agent works on a disk (FUSE, in memory) that logs every write and every sync. For each cut
 * it makes a disk as it may be after the power failed there (layer/cut.ts has the model), lets the agent finish on it, and
 * judges as the torture does. The same with a disk that lies about its syncs must find differences, or nothing was tested.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hashAt, seededRandom } from "../../src/core/random.ts";
import { keepBinary } from "../torture-run/agent-command.ts";
import { begin } from "../torture-run/begin.ts";
import type { Lie } from "./layer/cut.ts";
import { Power } from "./power.ts";
import { SCENES, type SceneName } from "./scenes.ts";
import { Stand } from "./stand.ts";
import { copyDisk, HISTORY, type Scene, tryCut } from "./trial.ts";

const USAGE = "Try: scripts/power-cuts --cuts 1000 [--seed N] [--lie] [--only lives|salvage|drops] [--keep]";
/** Histories come in this order; so many trials are made in each. */
const ORDER: readonly (readonly [scene: SceneName, trials: number])[] = [
  ["lives", 6],
  ["salvage", 6],
  ["lives", 6],
  ["drops", 4],
];
/** One cut in three is of the control, which gives up after 100 cuts with a lie that was not found out. */
const CONTROL = 3;
const CONTROL_CUTS = 100;
/** In a long run no more of it is made when each lie was found out so often. */
const CONTROL_FOUND = 5;
const LIES = ["files", "folders"] as const satisfies readonly Lie[];

const HEARD_CHARS = 3_000;

type Options = { cuts: number; seed: number; lie: boolean; only: SceneName | null; keep: boolean };

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      cuts: { type: "string", default: "30" },
      seed: { type: "string", default: String(Math.floor(Math.random() * 1e9)) },
      lie: { type: "boolean", default: false },
      only: { type: "string" },
      keep: { type: "boolean", default: false },
    },
  });
  const number = (name: string, text: string): number => {
    if (!/^\d{1,15}$/.test(text)) throw new Error(`Cannot use --${name} "${text}": it is not a number`);
    return Number(text);
  };
  const only = ORDER.map(([scene]) => scene).find((scene) => scene === values.only) ?? null;
  if (values.only !== undefined && only === null) throw new Error(`Cannot use --only "${values.only}": no such scene`);
  return { ...values, cuts: number("cuts", values.cuts), seed: number("seed", values.seed), only };
}

const say = (line: string) => console.error(`power-cuts: ${line}`);

class Run {
  readonly #options: Options;
  readonly #root = mkdtempSync(join(tmpdir(), "agent-power-"));
  readonly #program = keepBinary(this.#root);
  readonly #startedMs = performance.now();
  /** Cuts of an honest disk by what was cut. */
  readonly #wheres = new Map<string, number>();
  readonly #cuts: Record<Lie, number> = { none: 0, files: 0, folders: 0 };
  /** Trials in which a difference was found. */
  readonly #found: Record<Lie, number> = { none: 0, files: 0, folders: 0 };

  /** In the ends that were judged of the scene that drops readings. */
  #losses = { dropped: 0, late: 0 };

  constructor(options: Options) {
    this.#options = options;
  }

  /** Whether the agent lost nothing, and the control was found out. */
  async all(power: Power): Promise<boolean> {
    const { seed, cuts, only, keep } = this.#options;
    const order = ORDER.filter(([scene]) => only === null || scene === only);
    say(`seed ${seed}, ${cuts} cuts, in ${this.#root}`);
    power.keep("empty");
    for (let n = 0; !this.#isDone(); n++) {
      const [name, trials] = order[n % order.length]!;
      const key = hashAt(seed, n) >>> 0;
      power.cut("empty", 0, { seed: 0, lie: "none" });
      const outside = join(this.#root, `${n}-${name}`);
      const stand = new Stand({ power, outside, program: this.#program, seed: key, random: seededRandom(key) });
      const judged = await SCENES[name](stand);
      const scene = { stand, judged, changes: power.keep(HISTORY) };
      for (let trial = 0; trial < trials && !this.#isDone(); trial++) {
        if (!(await this.#try(scene, name, hashAt(key, trial)))) return false;
      }
      const { dropped, late } = stand.judged;
      if (name === "drops") this.#losses = { dropped: this.#losses.dropped + dropped, late: this.#losses.late + late };
      say(`${name}, ${scene.changes.length} changes: ${this.#describe()}`);
      if (!keep) rmSync(outside, { recursive: true, force: true });
    }
    for (const [where, count] of [...this.#wheres].toSorted()) say(`${String(count).padStart(5)}  ${where}`);
    say(`seed ${seed}: ${this.#describe()}`);
    const { dropped, late } = this.#losses;
    if (dropped + late > 0) say(`${dropped} readings were dropped, and ${late} came late for their window`);
    const isFoundOut = this.#found.files > 0 && this.#found.folders > 0;
    if (!isFoundOut) say("FAILED: a disk that lies about its syncs was not found out, so nothing was tested");
    return isFoundOut;
  }

  get disk(): string {
    return join(this.#root, "disk");
  }

  /** When the disk is off, and nothing is kept for the one who looks for a defect. */
  tidyUp(): void {
    if (!this.#options.keep) rmSync(this.#root, { recursive: true, force: true });
  }

  #isDone(): boolean {
    return this.#nextLie() === null;
  }

  /** Null: there were enough cuts, and the control was found out, or should have been by now. */
  #nextLie(): Lie | null {
    const { cuts, lie } = this.#options;
    const n = this.#cuts.files + this.#cuts.folders;
    if (lie && n >= cuts) return null;
    const isEnough = LIES.every((each) => this.#found[each] >= CONTROL_FOUND);
    const isOneOfControl = this.#cuts.none >= cuts || (n * CONTROL < this.#cuts.none && !isEnough) || lie;
    if (!isOneOfControl) return "none";
    const open = LIES.filter((each) => this.#found[each] === 0 && this.#cuts[each] < CONTROL_CUTS);
    if (!lie && this.#cuts.none >= cuts) return open[0] ?? null;
    return this.#cuts.files <= this.#cuts.folders ? "files" : "folders";
  }

  /** False: a difference, where there must be none. */
  async #try(scene: Scene, name: SceneName, seed: number): Promise<boolean> {
    const lie = this.#nextLie() ?? "none";
    const keepIn = join(this.#root, "after-the-cut");
    const { cuts, where, found } = await tryCut(scene, { seed, lie, keepIn });
    this.#cuts[lie] += cuts;
    if (found.length > 0) this.#found[lie]++;
    if (lie !== "none") return true;
    const what = `${name}: ${where}`;
    this.#wheres.set(what, (this.#wheres.get(what) ?? 0) + cuts);
    if (found.length === 0) return true;
    const end = join(this.#root, "in-the-end");
    copyDisk(scene.stand, end);
    say(`FAILED in ${what}. ${this.#describe()}. Seed ${this.#options.seed}. Kept: ${keepIn}, ${end}`);
    for (const difference of found) say(`  ${difference}`);
    if (scene.stand.heard !== "") say(`the last agent said:\n${scene.stand.heard.slice(-HEARD_CHARS)}`);
    return false;
  }

  #describe(): string {
    const [cuts, found] = [this.#cuts, this.#found];
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(0);
    const control = `${found.files} differences after ${cuts.files} cuts without file syncs, ${found.folders} after ${cuts.folders} without folder syncs`;
    return `${found.none} differences after ${cuts.none} cuts; control: ${control}; ${seconds} s`;
  }
}

/** Null where FUSE is missing, or this user may not mount. */
async function mount(place: string): Promise<Power | null> {
  if (!existsSync("/dev/fuse")) return null;
  return await Power.on(place).catch((error: unknown) => {
    say(String(error));
    return null;
  });
}

const options = begin(readOptions, USAGE);
const run = new Run(options);
const power = await mount(run.disk);
if (power === null) {
  run.tidyUp();
  say("!!! SKIPPED: power cuts (no FUSE) !!!");
  process.exit(0);
}
const isSound = await run.all(power).finally(() => power.off());
if (isSound) run.tidyUp();
process.exit(isSound ? 0 : 1);
