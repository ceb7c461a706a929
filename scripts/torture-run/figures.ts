/** Counts of the attacks on the agent: printed at the end, so that a quiet run can be distinguished from a run without attacks. */
import { TRIGGERS, type Trigger } from "./deaths.ts";

export type Figures = {
  kills: number;
  restarts: number;
  /** Killed before the agent had said that it runs. */
  killedAtStart: number;
  killedBy: Record<Trigger, number>;
  writerKills: number;
  rows: number;
  objects: number;
  revisions: number;
  /** Objects that were there already when they were put (412), where the store reports it. */
  alreadyThere: number;
  /** A look into the buffer after some deaths: promised objects, and those of them that the folder had already. */
  looks: number;
  promised: number;
  storedNotSettled: number;
  faults: Record<string, number>;
  /** From SIGTERM to the exit, of each orderly stop. */
  stopMs: number[];
  /** From the end of an agent to the start of the one that waited for it. */
  takeoverMs: number[];
};

export function newFigures(): Figures {
  return {
    kills: 0,
    restarts: 0,
    killedAtStart: 0,
    writerKills: 0,
    rows: 0,
    objects: 0,
    revisions: 0,
    alreadyThere: 0,
    looks: 0,
    promised: 0,
    storedNotSettled: 0,
    faults: {},
    stopMs: [],
    takeoverMs: [],
    // Every trigger was just given its count.
    killedBy: Object.fromEntries(TRIGGERS.map((trigger) => [trigger, 0])) as Record<Trigger, number>,
  };
}

const sorted = (all: readonly number[]) => all.toSorted((a, b) => a - b);
const medianOf = (all: readonly number[]) => sorted(all)[all.length >> 1] ?? 0;
const timesOf = (all: readonly number[]) =>
  `median ${Math.round(medianOf(all))} ms, slowest ${Math.round(sorted(all).at(-1) ?? 0)} ms`;

/** Times that are longer than promised. The median: a busy machine delays a few of them, and not half. */
export function describeLate({ stopMs, takeoverMs }: Figures): string[] {
  const late = (what: string, all: readonly number[], limitMs: number) =>
    medianOf(all) > limitMs ? [`${what}: ${timesOf(all)}; ${limitMs} ms are promised`] : [];
  return [
    ...late("from SIGTERM to the exit", stopMs, 700),
    ...late("takeover by the one that waits", takeoverMs, 1_000),
  ];
}

export function describeFigures(figures: Figures, seconds: number): string[] {
  const { killedBy, faults } = figures;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  return [
    `kills ${figures.kills} (by ${list(killedBy)}; ${figures.killedAtStart} before it had started), orderly stops ${figures.stopMs.length}, starts ${figures.restarts}, takeovers ${figures.takeoverMs.length}, kills of the writer ${figures.writerKills}`,
    `orderly stop: ${timesOf(figures.stopMs)}; takeover: ${timesOf(figures.takeoverMs)}`,
    `after ${figures.looks} deaths looked at: ${figures.promised} objects promised and not settled, ${figures.storedNotSettled} of them stored already`,
    `rows ${figures.rows}, objects ${figures.objects}, window revisions ${figures.revisions}, ${seconds.toFixed(0)} s`,
    `answers of the S3 line: ${list(faults)}; 412 (there already): ${figures.alreadyThere}`,
  ];
}
