/** `agent service install`: shown first, then done; a second time it finds nothing to do. */
import { join } from "node:path";
import { AgentError, UsageError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { Host, Step } from "../../systemd/host.ts";
import { type Plan, planInstall } from "../../systemd/install-plan.ts";
import type { UnitOptions } from "../../systemd/unit.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { hostHere, noSystemd, ownBinary, PLAN_FLAGS, planLines, stepJson, unitOf } from "./frame.ts";
import { newDotenv, placesOf } from "./places.ts";
import { comesUp } from "./state.ts";

const ARGS = {
  ...PLAN_FLAGS,
  user: {
    type: "string",
    description: "Run as this user, who must be there. Default: a system user of its own, agent or agent-NAME.",
    valueHint: "USER",
  },
} as const satisfies Args;

export const command = defineCommand({
  name: "install",
  summary:
    "Copy this binary to /opt/agent, make a user and /etc/agent/.env, and start a hardened unit. It shows everything, then asks. Again after an update, or after a path in .env changed.",
  args: ARGS,
  examples: [
    "agent service install --dry-run",
    "sudo ./agent service install --yes",
    "sudo agent service install --name west --user plc",
  ],
  toleratesWrongSettings: true,
  run: (flags, context) => install(flags, context, { host: hostHere(), from: ownBinary(), ask: askOnTerminal }),
});

type Surroundings = { readonly host: Host; readonly from: string; readonly ask: Ask };

export async function install(
  flags: Flags<typeof ARGS>,
  context: Context,
  { host, from, ask }: Surroundings,
): Promise<ExitCode> {
  const { say, stop } = context;
  if (host.systemdVersion === null && !flags.dryRun) throw noSystemd("install a service");
  const usual = withUser(unitOf(flags.name, host.systemdVersion), flags.user);
  const fresh = newDotenv(usual);
  const { notes, ...places } = placesOf(host, usual, host.text(join(usual.configDir, ".env")) ?? fresh);
  const unit: UnitOptions = { ...usual, ...places };
  const plan = planInstall(host, { unit, isUserGiven: flags.user !== undefined, from, dotenv: fresh });
  const work = plan.steps.filter(({ deeds }) => deeds.length > 0);
  const tell = async (done: boolean) => {
    if (flags.json) await context.write(`${JSON.stringify(planJson(unit.name, done, plan, notes), null, 2)}\n`);
  };
  for (const line of planLines(plan.steps)) say(line);
  for (const path of plan.leftAlone) say(`  ${path}: yours, and left alone; it has a say in the service`);
  for (const note of notes) say(`! ${note}`);
  if (work.length === 0) {
    say(`Nothing to do: the service "${unit.name}" is as this version installs it.`);
    await tell(true);
    return 0;
  }
  if (flags.dryRun) {
    say(`Nothing was done (--dry-run).${host.systemdVersion === null ? ` ${noSystemd("do it here").message}.` : ""}`);
    await tell(false);
    return 0;
  }
  if (host.uid !== 0) throw needsRoot("install a service", [from, "service", "install", ...again(flags)]);
  const consent = { ...typed("yes"), what: "install the service", tryHint: "sudo agent service install --yes" };
  if (!(await agreed(flags, stop, ask, consent))) {
    say("Nothing was done.");
    return 1;
  }
  perform(host, plan.steps);
  await tell(true);
  return await comesUp(host, unit.name, context);
}

function withUser(unit: UnitOptions, user: string | undefined): UnitOptions {
  if (user === undefined) return unit;
  if (user === "root" || !/^[A-Za-z_][\w.-]{0,31}$/.test(user)) {
    const why = user === "root" ? "the service is to have no rights that it does not need" : "it is no name of a user";
    throw new UsageError(`Cannot run the service as "${user}": ${why}`, { tryHint: "agent service install --help" });
  }
  return { ...unit, user };
}

export function perform(host: Host, steps: readonly Step[]): void {
  for (const { deeds } of steps) for (const deed of deeds) host.perform(deed);
}

/** `words`: the command line to type again. */
export function needsRoot(verb: string, words: readonly string[]): AgentError {
  return new AgentError(`Cannot ${verb} as this user: nothing was done`, {
    tryHint: `sudo ${words.map(shellWord).join(" ")}`,
  });
}

function again({ name, user, yes, json }: Flags<typeof ARGS>): string[] {
  return [
    ...(name === undefined ? [] : ["--name", name]),
    ...(user === undefined ? [] : ["--user", user]),
    ...(yes ? ["--yes"] : []),
    ...(json ? ["--json"] : []),
  ];
}

function planJson(unit: string, done: boolean, { steps, leftAlone }: Plan, notes: readonly string[]) {
  return { unit, done, steps: steps.map(stepJson), left_alone: leftAlone, notes };
}
