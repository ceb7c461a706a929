/** Life after life of the agent, each ended by a death that chance chose, until there were enough. */
import type { AgentProcess } from "../../src/testing/agent-process.ts";
import { type Death, nextDeath, PATIENCE_MS } from "./deaths.ts";
import type { Events } from "./events.ts";
import type { Figures } from "./figures.ts";

/** A stop takes less than a second: an agent that still runs then hangs. */
const MERCY_MS = 60_000;

export type Lives = {
  readonly start: () => AgentProcess;
  readonly events: Events;
  readonly random: () => number;
  /** Of a death by time, ms. */
  readonly longestMs: number;
  readonly figures: Figures;
  /** Before each life: lets the writer continue, and changes the faults of the line. */
  readonly between: (life: number) => Promise<void>;
  /** After each death, when no agent runs. */
  readonly afterDeath: () => void;
  /** A source that has an end: the agent may finish by itself. */
  readonly mayFinish: boolean;
};

/** Kills `kills` times, or until the agent is done. Returns the number of kills. Throws at the first promise that is broken. */
export async function killAgain(lives: Lives, kills: number): Promise<number> {
  let agent: AgentProcess | null = null;
  let done = 0;
  try {
    for (let life = 0; done < kills; life++) {
      await lives.between(life);
      agent ??= lives.start();
      lives.figures.restarts++;
      const ended = await liveAndDie(lives, agent);
      if (ended.finished) return done;
      if (ended.killed) done++;
      agent = ended.next;
    }
    return done;
  } finally {
    agent?.kill("SIGKILL");
    await agent?.ended;
  }
}

type Ended = { readonly finished: boolean; readonly killed: boolean; readonly next: AgentProcess | null };

async function liveAndDie(lives: Lives, agent: AgentProcess): Promise<Ended> {
  const { figures } = lives;
  const death = nextDeath(lives.random, lives.longestMs);
  await due(agent, death, lives.events);
  if (agent.end !== null) {
    if (lives.mayFinish && agent.end.code === 0) return { finished: true, killed: false, next: null };
    throw new Error(`the agent ended by itself: ${lastWords(agent)}`);
  }
  const next = death.overlap ? await startWaiting(lives) : null;
  await strike(agent, death, figures);
  const killed = death.blow !== "term";
  if (killed) {
    figures.kills++;
    figures.killedBy[death.trigger]++;
    if (!agent.heard.includes("running:")) figures.killedAtStart++;
  }
  if (next === null) lives.afterDeath();
  else await checkTakeover(agent, next, figures);
  return { finished: false, killed, next };
}

/** Resolves at the moment of death, or when the agent is gone before it. */
async function due(agent: AgentProcess, death: Death, events: Events): Promise<void> {
  const { trigger, nth, delayMs } = death;
  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      void agent.ended.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  if (trigger !== "start" && trigger !== "time") {
    events.look();
    const reached = trigger === "words" ? () => agent.heard.length >= nth : reachedFrom(events, trigger, nth);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
      const check = () => {
        if (!reached() && agent.end === null) return;
        clearTimeout(timer);
        resolve();
      };
      agent.onNews = check;
      events.onEvent = check;
      check();
    });
    agent.onNews = () => undefined;
    events.onEvent = () => undefined;
  }
  // Below a millisecond a timer is too coarse: then it is now.
  if (delayMs >= 1 && agent.end === null) await wait(delayMs);
}

function reachedFrom(events: Events, trigger: "commit" | "put", nth: number): () => boolean {
  const from = events.count(trigger);
  return () => events.count(trigger) >= from + nth;
}

async function strike(agent: AgentProcess, death: Death, figures: Figures): Promise<void> {
  if (death.blow === "term") return stopInOrder(agent, figures);
  if (death.blow === "both") {
    agent.kill("SIGTERM");
    await Promise.race([agent.ended, Bun.sleep(death.secondMs)]);
  }
  agent.kill("SIGKILL");
  const { code } = await agent.ended;
  if (code !== null && code !== 0) throw new Error(`the agent ended with a failure: ${lastWords(agent)}`);
}

async function stopInOrder(agent: AgentProcess, figures: Figures): Promise<void> {
  const saidBefore = agent.heard !== "";
  const struckAtMs = performance.now();
  agent.kill("SIGTERM");
  const mercy = setTimeout(() => agent.kill("SIGKILL"), MERCY_MS);
  const end = await agent.ended;
  clearTimeout(mercy);
  // In its first milliseconds a process has no handler yet, and nothing in memory that could be lost.
  if (end.signal === "SIGTERM" && !saidBefore) return;
  if (end.code !== 0) throw new Error(`SIGTERM did not end with exit code 0: ${lastWords(agent)}`);
  figures.stopMs.push(end.atMs - struckAtMs);
}

/** Another agent on the same data dir, until it says that it waits. One that is stopped while it waits ends. */
async function startWaiting(lives: Lives): Promise<AgentProcess> {
  const agent = lives.start();
  const waits = await agent.says("waiting_for_lock", 2_000);
  if (!waits || lives.random() < 0.7) return agent;
  await stopInOrder(agent, lives.figures);
  return startWaiting(lives);
}

async function checkTakeover(old: AgentProcess, next: AgentProcess, figures: Figures): Promise<void> {
  const end = await old.ended;
  const fromMs = Math.max(end.atMs, next.startedAtMs);
  if (!(await next.says("running:"))) throw new Error(`no takeover: ${lastWords(next)}`);
  figures.takeoverMs.push(performance.now() - fromMs);
}

/** How it ended and its last words. */
export function lastWords(agent: AgentProcess): string {
  const how = agent.end === null ? "still alive" : `code ${agent.end.code}, signal ${agent.end.signal}`;
  return `${how}\n${agent.heard.slice(-2_000)}`;
}
