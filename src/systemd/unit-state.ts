/** What systemd says of a service, judged: is it up, and if not, why, and what to type. */

export type UnitState = {
  readonly unit: string;
  readonly state:
    | "running"
    | "starting"
    | "waiting to start again"
    | "stopping"
    | "stopped"
    | "failed"
    | "not installed";
  readonly pid: number | null;
  /** As systemd writes times, in UTC. */
  readonly since: string | null;
  readonly restarts: number;
  /** How the last process ended: `killed by signal 9`, `exit code 2`; null: none has ended. */
  readonly lastExit: string | null;
  readonly lastExitAt: string | null;
  /** Why systemd ended it, or counts it as failed: `watchdog`, `oom-kill`, `timeout`; null: `success`. */
  readonly result: string | null;
  readonly watchdogMs: number | null;
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  /** The agent's own line. */
  readonly status: string;
  readonly startsAtBoot: boolean;
  readonly problems: readonly { readonly code: string; readonly message: string; readonly try: string }[];
};

type Properties = Readonly<Record<string, string>>;

/** `properties`: of `systemctl show`. */
export function unitState(unit: string, properties: Properties): UnitState {
  const state = stateOf(properties);
  const ended = lastExit(properties);
  const result = properties["Result"];
  const since = state === "running" ? properties["ActiveEnterTimestamp"] : properties["InactiveEnterTimestamp"];
  const without = {
    unit,
    state,
    pid: positive(properties["MainPID"]),
    since: textOr(since),
    restarts: positive(properties["NRestarts"]) ?? 0,
    lastExit: ended,
    lastExitAt: ended === null ? null : textOr(properties["ExecMainExitTimestamp"]),
    result: result === undefined || result === "" || result === "success" ? null : result,
    watchdogMs: milliseconds(properties["WatchdogUSec"]),
    memoryBytes: bytesOf(properties["MemoryCurrent"]),
    memoryLimitBytes: bytesOf(properties["MemoryMax"]),
    status: properties["StatusText"] ?? "",
    startsAtBoot: properties["UnitFileState"] === "enabled",
  };
  return { ...without, problems: problemsOf(without, properties) };
}

function stateOf(properties: Properties): UnitState["state"] {
  if (properties["LoadState"] !== "loaded") return "not installed";
  switch (properties["ActiveState"]) {
    case "active":
    case "reloading":
      // A restart that was asked for and has not begun.
      return positive(properties["Job"]) === null ? "running" : "starting";
    case "activating":
      return properties["SubState"] === "auto-restart" ? "waiting to start again" : "starting";
    case "deactivating":
      return "stopping";
    case "failed":
      return "failed";
    default:
      return "stopped";
  }
}

/** The agent's own 2, and systemd's codes of a service that it could not start. */
const OF_SYSTEMD: Readonly<Record<string, string>> = {
  "2": ", a setting is wrong",
  "200": ", there is no working directory that its user may enter",
  "203": ", the binary cannot be started",
  "217": ", its user is not there",
  "226": ", a folder that its unit names is not there",
  "238": ", its data dir cannot be made",
};

/** Codes of `waitid`: 1 exited, 2 killed, 3 dumped. */
function lastExit(properties: Properties): string | null {
  const status = properties["ExecMainStatus"] ?? "0";
  switch (properties["ExecMainCode"]) {
    case "1":
      return `exit code ${status}${OF_SYSTEMD[status] ?? ""}`;
    case "2":
    case "3":
      return `killed by signal ${status}`;
    default:
      return null;
  }
}

const WHY: Readonly<Record<string, string>> = {
  watchdog: "systemd heard nothing from it for the time of the watchdog, and killed it",
  "oom-kill": "it needed more memory than the unit allows, and was killed",
  timeout: "it took too long to start or to stop, and was killed",
  "exit-code": "it ended by itself with an error",
  signal: "a signal killed it",
  "core-dump": "it crashed",
};

function problemsOf(state: Omit<UnitState, "problems">, properties: Properties): UnitState["problems"] {
  const { unit } = state;
  const name = unit.replace(/\.service$/, "");
  const problems: UnitState["problems"][number][] = [];
  const load = properties["LoadState"] ?? "";
  if (state.state === "not installed" && !["", "not-found"].includes(load)) {
    const message = `systemd cannot use the unit of "${name}": ${load}`;
    const command = load === "masked" ? `sudo systemctl unmask ${name}` : `journalctl -u ${name} -n 50 --no-pager`;
    return [{ code: "service_unit_unusable", message, try: command }];
  }
  if (state.state === "not installed") {
    const message = `There is no service "${name}" here`;
    return [{ code: "service_not_installed", message, try: "sudo agent service install" }];
  }
  const journal = `journalctl -u ${name} -n 50 --no-pager`;
  if (state.state === "stopped") {
    const message = `The service "${name}" is stopped`;
    problems.push({ code: "service_stopped", message, try: `sudo systemctl start ${name}` });
  } else if (state.state === "failed" || state.state === "waiting to start again") {
    const why = WHY[state.result ?? ""] ?? "it ended";
    const exit = state.lastExit === null ? "" : ` (${state.lastExit})`;
    const message = `The service "${name}" does not run: ${why}${exit}. systemd starts it again, and again`;
    problems.push({ code: "service_failing", message, try: journal });
  } else if (state.state === "starting") {
    const message = `The service "${name}" has not begun to take readings: ${state.status || "it starts"}`;
    problems.push({ code: "service_starting", message, try: journal });
  }
  if (!state.startsAtBoot) {
    const message = `The service "${name}" does not start with the machine`;
    problems.push({ code: "service_not_enabled", message, try: `sudo systemctl enable ${name}` });
  }
  if (properties["NeedDaemonReload"] === "yes") {
    const message = `The unit of "${name}" changed on disk, and systemd has not read it`;
    problems.push({ code: "service_unit_changed", message, try: "sudo systemctl daemon-reload" });
  }
  return problems;
}

function positive(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : null;
}

/** `[not set]`, `infinity` and the largest number of 64 bits mean none. */
function bytesOf(text: string | undefined): number | null {
  const bytes = positive(text);
  return bytes === null || bytes >= 2 ** 63 ? null : bytes;
}

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000 };

/** As systemctl prints it: `2min`, `1min 30s`, `infinity`, `0`. */
function milliseconds(text: string | undefined): number | null {
  const sum = [...(text ?? "").matchAll(/(\d+)(us|ms|min|s|h)\b/g)].reduce(
    (total, [, count, of]) => total + Number(count) * (UNITS[of ?? ""] ?? 0),
    0,
  );
  return sum > 0 ? sum : null;
}

function textOr(text: string | undefined): string | null {
  return text === undefined || text === "" || text === "n/a" ? null : text;
}
