/** Where one history happens: the agent's folders on the disk that may fail, its source and its rules on another. */
import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentProcess } from "../../src/testing/agent-process.ts";
import { lakeOf, type Place, startAgent } from "../torture-run/agent-command.ts";
import { writeRules } from "../torture-run/check-verdicts.ts";
import { COLUMNS, createTable, type SourceRow, sourceRow } from "../torture-run/source-rows.ts";
import { readingsSeen } from "./look.ts";
import type { Power } from "./power.ts";

const LOOK_MS = 15;
/** The rest is delivered within this time; a busy machine takes seconds. */
const FINISH_MS = 180_000;

/**
 * `changes`: of the disk, in this life. On a busy machine they take long. `runsMs`: since when the agent runs; 0 while it
 * starts.
 */
export type LifeSoFar = {
  readonly seen: number;
  readonly changes: number;
  readonly runsMs: number;
  readonly aliveMs: number;
};

export class Stand {
  readonly power: Power;
  readonly place: Place;
  readonly random: () => number;
  readonly #database: string;
  readonly #seed: number;
  #rows = 0;
  /** Where in the log the agent was starting. */
  readonly starts: (readonly [from: number, to: number])[] = [];

  constructor(of: { power: Power; outside: string; program: string; seed: number; random: () => number }) {
    this.power = of.power;
    this.random = of.random;
    this.#seed = of.seed;
    this.#database = join(of.outside, "field.db");
    mkdirSync(of.outside, { recursive: true });
    const folder = of.power.place;
    this.place = {
      folder,
      program: of.program,
      source: `sqlite:${this.#database}`,
      store: `dir:${lakeOf(folder)}`,
      env: {},
      rules: writeRules(of.outside),
    };
  }

  with(env: Readonly<Record<string, string>>): void {
    Object.assign(this.place, { env });
  }

  /** Appends rows to the source, durably: its disk does not fail. */
  write(rows: number): void {
    const db = new Database(this.#database, { create: true, readwrite: true });
    db.run("PRAGMA busy_timeout = 10000");
    db.run(createTable());
    const places = COLUMNS.map(() => "?").join(", ");
    const insert = db.prepare(`INSERT INTO sensor_readings (${COLUMNS.join(", ")}) VALUES (${places})`);
    db.transaction(() => {
      for (const until = this.#rows + rows; this.#rows < until; this.#rows++) {
        const row = sourceRow(this.#seed, this.#rows);
        insert.run(...COLUMNS.map((name) => row[name] ?? null));
      }
    })();
    db.close();
  }

  sourceRows(): readonly SourceRow[] {
    return Array.from({ length: this.#rows }, (_, n) => sourceRow(this.#seed, n));
  }

  /** While the store is down its folder is a file. */
  setStore(state: "up" | "down"): void {
    const lake = lakeOf(this.place.folder);
    const isDown = existsSync(lake) && statSync(lake).isFile();
    if (state === "down") writeFileSync(lake, "");
    else if (isDown) rmSync(lake);
  }

  /**
   * One life: `isOver` is asked again and again, with what an onlooker sees, which the log learns too.
   */
  async live(end: "SIGKILL" | "SIGTERM", isOver: (now: LifeSoFar) => boolean): Promise<void> {
    const from = this.power.length();
    const agent = startAgent(this.place, this.random);
    const startedMs = performance.now();
    let runsSinceMs: number | null = null;
    let seen = 0;
    while (agent.end === null) {
      const now = readingsSeen(this.place.folder);
      if (now > seen) this.power.mark(now);
      seen = Math.max(seen, now);
      const nowMs = performance.now();
      if (runsSinceMs === null && agent.heard !== "") {
        runsSinceMs = nowMs;
        this.starts.push([from, this.power.length()]);
      }
      const changes = this.power.length() - from;
      if (isOver({ seen, changes, runsMs: nowMs - (runsSinceMs ?? nowMs), aliveMs: nowMs - startedMs })) break;
      await Bun.sleep(LOOK_MS);
    }
    agent.kill(end);
    await ended(agent, 20_000);
  }

  /** Of all ends that were judged: readings that came late for their window, and that were dropped. */
  readonly judged = { late: 0, dropped: 0 };

  /** What the last agent said. */
  heard = "";

  /** A last life, with --once and without faults; null, or how it ended badly. */
  async finish(): Promise<string | null> {
    const agent = startAgent(this.place, this.random, ["--once"]);
    const end = await ended(agent, FINISH_MS);
    this.heard = agent.heard;
    return end === 0 ? null : `the last run, with --once, ended badly (${end}): ${agent.heard.slice(-2_000)}`;
  }
}

/** Its exit code, or what ended it. */
async function ended(agent: AgentProcess, withinMs: number): Promise<number | string> {
  const late = setTimeout(() => agent.kill("SIGKILL"), withinMs);
  const { code, signal } = await agent.ended;
  clearTimeout(late);
  return code ?? (signal === "SIGKILL" ? `killed after ${withinMs / 1_000} s` : String(signal));
}
