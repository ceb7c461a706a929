/** `agent service status`: what systemd says of the service. What the node itself says is in `agent status`. */
import { roughBytes } from "../../core/readable-numbers.ts";
import { formatDuration } from "../../core/time/duration.ts";
import type { HostView } from "../../systemd/host.ts";
import { dropIns } from "../../systemd/install-plan.ts";
import { type UnitState, unitState } from "../../systemd/unit-state.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import { factLines } from "../frame/wrap.ts";
import { hostHere, NAME_FLAG, noSystemd, unitOf } from "./frame.ts";

/** An agent is up in less than a second, but a large buffer or another agent's lock may keep it. */
const COMES_UP_MS = 20_000;
const LOOK_MS = 250;

export const command = defineCommand({
  name: "status",
  summary:
    "Whether the service runs: pid, restarts, last exit, watchdog, memory. Exit 0 when it takes readings, 1 when not.",
  args: {
    ...NAME_FLAG,
    json: {
      type: "boolean",
      description: "One JSON value: {unit, state, pid, since, restarts, last_exit, result, memory, problems, …}.",
    },
  },
  examples: ["agent service status", "agent service status --name west --json"],
  toleratesWrongSettings: true,
  looks: true,
  run: async ({ name, json }, context) => {
    const host = hostHere();
    if (host.systemdVersion === null) throw noSystemd("look at the service");
    const unit = unitOf(name, host.systemdVersion).name;
    const state = unitState(`${unit}.service`, host.unit(`${unit}.service`));
    const also = dropIns(host, unit);
    await context.write(
      json ? `${JSON.stringify(stateJson(state, also), null, 2)}\n` : stateText(state, also, context),
    );
    return state.state === "running" ? 0 : 1;
  },
});

/** Looks until a service that was started is up, for a while; says how it is then. */
export async function comesUp(host: HostView, name: string, context: Context, waitMs = COMES_UP_MS): Promise<ExitCode> {
  const look = () => unitState(`${name}.service`, host.unit(`${name}.service`));
  const until = performance.now() + waitMs;
  let state = look();
  while (state.state !== "running" && performance.now() < until && !context.stop.aborted) {
    await Bun.sleep(LOOK_MS);
    state = look();
  }
  if (state.state === "running") {
    context.say(`The service "${name}" runs (pid ${state.pid}): agent service status, journalctl -u ${name}`);
    return 0;
  }
  for (const { message, try: command } of state.problems) {
    context.say(message);
    context.say(`Try: ${command}`);
  }
  // It is installed, and waits for something that it names.
  return state.state === "starting" ? 0 : 1;
}

function stateText(state: UnitState, also: readonly string[], { columns }: Context): string {
  const memory = state.memoryBytes === null ? "unknown" : roughBytes(state.memoryBytes);
  const limit = state.memoryLimitBytes === null ? "no limit" : `of ${roughBytes(state.memoryLimitBytes)}`;
  const at = state.lastExitAt === null ? "" : ` at ${state.lastExitAt}`;
  const result = state.result === null ? "" : `, ${state.result}`;
  const facts: [string, string][] =
    state.state === "not installed"
      ? []
      : [
          ["since", state.since ?? "never"],
          ["says", state.status === "" ? "nothing" : state.status],
          ["restarts", `${state.restarts} since it was started`],
          ["last exit", state.lastExit === null ? lastExitText(state) : `${state.lastExit}${result}${at}`],
          [
            "watchdog",
            state.watchdogMs === null ? "off" : `kills after ${formatDuration(state.watchdogMs)} of silence`,
          ],
          ["memory", `${memory} ${limit}`],
          ["at boot", state.startsAtBoot ? "starts" : "does not start"],
          ...also.map((path): [string, string] => ["drop-in", path]),
        ];
  const pid = state.pid === null ? "" : ` (pid ${state.pid})`;
  const lines = [
    `${state.unit}: ${state.state}${pid}`,
    ...state.problems.flatMap(({ message, try: command }) => [
      ...factLines([["!", message]], columns, " "),
      `  Try: ${command}`,
    ]),
    ...factLines(facts, columns),
  ];
  return `${lines.join("\n")}\n`;
}

/** systemd forgets it when it starts the service again. */
function lastExitText({ restarts, unit }: UnitState): string {
  return restarts === 0 ? "none" : `in the journal: journalctl -u ${unit}`;
}

function stateJson(state: UnitState, also: readonly string[]) {
  return {
    unit: state.unit,
    state: state.state,
    pid: state.pid,
    since: state.since,
    restarts: state.restarts,
    last_exit: state.lastExit,
    last_exit_at: state.lastExitAt,
    result: state.result,
    watchdog_ms: state.watchdogMs,
    memory_bytes: state.memoryBytes,
    memory_limit_bytes: state.memoryLimitBytes,
    status: state.status,
    starts_at_boot: state.startsAtBoot,
    drop_ins: also,
    problems: state.problems,
  };
}
