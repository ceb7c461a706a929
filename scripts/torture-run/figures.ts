/** What was done to the agent, counted: printed at the end, so that a quiet run can be told from a run that did nothing. */
import { TRIGGERS, type Trigger } from "./deaths.ts";

export type Figures = {
  kills: number;
  terms: number;
  restarts: number;
  takeovers: number;
  /** Killed before the agent had said that it runs. */
  killedAtStart: number;
  killedBy: Record<Trigger, number>;
  writerKills: number;
  rows: number;
  objects: number;
  revisions: number;
  /** Objects that were there already when they were put (412), where the store tells. */
  alreadyThere: number;
  /** A look into the buffer after some deaths: promised objects, and those of them that the folder had already. */
  looks: number;
  promised: number;
  storedNotSettled: number;
  faults: Record<string, number>;
  slowestStopMs: number;
  slowestTakeoverMs: number;
};

export function newFigures(): Figures {
  return {
    kills: 0,
    terms: 0,
    restarts: 0,
    takeovers: 0,
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
    slowestStopMs: 0,
    slowestTakeoverMs: 0,
    // Every trigger was just given its count.
    killedBy: Object.fromEntries(TRIGGERS.map((trigger) => [trigger, 0])) as Record<Trigger, number>,
  };
}

export function describeFigures(figures: Figures, seconds: number): string[] {
  const { killedBy, faults } = figures;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  return [
    `kills ${figures.kills} (by ${list(killedBy)}; ${figures.killedAtStart} before it had started), orderly stops ${figures.terms}, starts ${figures.restarts}, takeovers ${figures.takeovers}, kills of the writer ${figures.writerKills}`,
    `slowest orderly stop ${Math.round(figures.slowestStopMs)} ms, slowest takeover ${Math.round(figures.slowestTakeoverMs)} ms`,
    `after ${figures.looks} deaths looked at: ${figures.promised} objects promised and not settled, ${figures.storedNotSettled} of them stored already`,
    `rows ${figures.rows}, objects ${figures.objects}, window revisions ${figures.revisions}, ${seconds.toFixed(0)} s`,
    `answers of the S3 line: ${list(faults)}; 412 (there already): ${figures.alreadyThere}`,
  ];
}
