/** What the three commands share: their flags, the host, a plan as text, and what to use where there is no systemd. */
import { realpathSync } from "node:fs";
import { basename } from "node:path";
import { type AgentError, UsageError } from "../../core/errors.ts";
import type { Step } from "../../systemd/host.ts";
import { typedDeed } from "../../systemd/host.ts";
import { RealHost } from "../../systemd/real-host.ts";
import { type UnitOptions, usualUnit } from "../../systemd/unit.ts";
import type { Args } from "../frame/flags.ts";

export const NAME_FLAG = {
  name: {
    type: "string",
    description: "One of several agents on this host: its unit is agent-NAME, its folders /etc/agent-NAME and so on.",
    valueHint: "NAME",
  },
} as const satisfies Args;

export const PLAN_FLAGS = {
  ...NAME_FLAG,
  dryRun: { type: "boolean", description: "Show what would be done, and do nothing." },
  yes: { type: "boolean", description: "Do it without asking." },
  json: { type: "boolean", description: "One JSON value: {unit, done, steps, left_alone, notes}." },
} as const satisfies Args;

/** systemd's `RestartSteps=`. */
const HAS_BACK_OFF = 254;

export function hostHere(): RealHost {
  return new RealHost();
}

/** The unit of a `--name`, at the usual places. */
export function unitOf(name: string | undefined, systemdVersion: number | null): UnitOptions {
  if (name !== undefined && !/^[a-z0-9][a-z0-9-]{0,20}$/.test(name)) {
    throw new UsageError(`Cannot use --name "${name}": expected 1 to 21 of a-z, 0-9 and "-", and no "-" first`, {
      tryHint: "agent service install --name west",
    });
  }
  return { ...usualUnit(name ?? null), hasBackOff: (systemdVersion ?? 0) >= HAS_BACK_OFF };
}

/** The file of this very binary. */
export function ownBinary(): string {
  const path = realpathSync(process.execPath);
  if (/^bun(\.exe)?$/.test(basename(path))) {
    throw new UsageError("Cannot install a service of the source code: it runs the compiled binary", {
      tryHint: "bun run build && sudo dist/agent service install",
    });
  }
  return path;
}

/** Why there is no service here, and what keeps an agent running instead. */
export function noSystemd(verb: string): AgentError {
  const [why, advice] = instead();
  return new UsageError(`Cannot ${verb}: ${why}`, { advice, tryHint: "agent run --help" });
}

function instead(): readonly [why: string, advice: string] {
  if (process.platform === "darwin") {
    return ["macOS has launchd, not systemd", "Keep it running with a LaunchDaemon whose KeepAlive is true"];
  }
  if (process.platform === "win32") {
    return [
      "Windows has no systemd",
      "Keep it running with the Task Scheduler, at startup and with a restart on failure",
    ];
  }
  return [
    "systemd does not run here, as in most containers",
    "In a container let its engine restart it (docker run --restart=always); elsewhere let the init of this system start agent run",
  ];
}

const SIGNS = { none: " ", create: "+", update: "~", delete: "-", keep: "!", run: ">" } as const;

export function planLines(steps: readonly Step[]): string[] {
  return steps.flatMap(({ what, action, because, shown, deeds }) => [
    `${SIGNS[action]} ${what}: ${action === "run" ? because : action === "none" ? `nothing (${because})` : `${action}, ${because}`}`,
    ...deeds.flatMap((deed) => (deed.do === "run" && action !== "run" ? [`    ${typedDeed(deed)}`] : [])),
    ...shown.map((line) => `    ${line}`),
  ]);
}

export function stepJson({ what, action, because, shown, deeds }: Step) {
  return { what, action, because, shown, does: deeds.map(typedDeed) };
}
