/** What systemd hears of an agent, and when. */
import { expect, test } from "bun:test";
import { ASK_MS, Supervised } from "./supervised.ts";

/** An agent that systemd watches for 120 s at a time, and a socket that can be full. */
function watched(watchdogMs: number | null = 120_000) {
  let nowMs = 0;
  let isFull = false;
  const heard: string[] = [];
  const send = (text: string) => {
    if (!isFull) heard.push(text);
    return !isFull;
  };
  const agent = new Supervised({ send, watchdogMs, running: () => nowMs });
  return {
    agent,
    pass: (ms: number) => {
      nowMs += ms;
    },
    full: (is: boolean) => {
      isFull = is;
    },
    newly: () => heard.splice(0),
  };
}

const MORE_TIME = "EXTEND_TIMEOUT_USEC=600000000";

test("until the buffer is open it asks for more time again and again, and says what it waits for", () => {
  const { agent, newly } = watched();
  expect(newly()).toEqual(["STATUS=Opening the buffer", MORE_TIME]);
  agent.waiting("Another agent\nhas the lock");
  for (let ticks = 0; ticks < 3; ticks++) agent.tick();
  expect(newly()).toEqual(["STATUS=Another agent has the lock", MORE_TIME, MORE_TIME, MORE_TIME]);
  agent.waiting(null);
  agent.ready("5 readings");
  expect(newly()).toEqual(["STATUS=Opening the buffer", "READY=1", "STATUS=5 readings", "WATCHDOG=1"]);
});

test("a sign of life needs a round of the loops: a timer alone gives none", () => {
  const { agent, pass, newly } = watched();
  agent.ready("");
  newly();
  for (let ticks = 0; ticks < 100; ticks++) {
    pass(ASK_MS);
    agent.tick();
  }
  expect(newly()).toEqual([]);
  agent.beat(() => "");
  expect(newly()).toEqual(["WATCHDOG=1"]);
});

test("of many rounds, four in the time of the watchdog are said, and a changed status every ten seconds", () => {
  const { agent, pass, newly } = watched();
  agent.ready("0");
  newly();
  for (let ms = 1; ms <= 120_000; ms++) {
    pass(1);
    agent.beat(() => (ms < 15_000 ? "0" : "1"));
  }
  expect(newly()).toEqual(["STATUS=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
});

test("where systemd does not watch, no sign of life is sent", () => {
  const { agent, pass, newly } = watched(null);
  agent.ready("");
  pass(200_000);
  agent.beat(() => "");
  agent.reopening();
  agent.tick();
  agent.reopened();
  expect(newly().filter((text) => text.includes("WATCHDOG"))).toEqual([]);
});

test("a buffer that is opened again gets ten minutes, and then the old time", () => {
  const { agent, newly } = watched();
  agent.ready("x");
  newly();
  agent.reopening();
  agent.waiting("The disk is full");
  agent.tick();
  agent.beat(() => "");
  expect(newly()).toEqual([
    "WATCHDOG_USEC=600000000\nWATCHDOG=1",
    "STATUS=Opening the buffer again",
    "STATUS=The disk is full",
    "WATCHDOG=1",
  ]);
  agent.reopened();
  expect(newly()).toEqual(["WATCHDOG_USEC=120000000\nWATCHDOG=1"]);
});

test("a stop is said once, with the time of its drain, and ends all signs of life", () => {
  const { agent, pass, newly } = watched();
  agent.ready("x");
  newly();
  agent.stopping(30_000);
  agent.stopping(0);
  pass(1_000_000);
  agent.beat(() => "y");
  agent.tick();
  agent.reopening();
  agent.ready("late");
  expect(newly()).toEqual([
    "STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000",
    "STATUS=Stopping, after what is left is delivered",
  ]);
});

test("READY and STOPPING are repeated until they are taken, in order; an old sign of life is not", () => {
  const { agent, full, newly } = watched();
  newly();
  full(true);
  agent.ready("x");
  agent.tick();
  agent.stopping(0);
  expect(newly()).toEqual([]);
  full(false);
  agent.tick();
  expect(newly()).toEqual(["READY=1", "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000"]);
});
