/** `agent service uninstall`: undoes what `install` did, but for readings that are nowhere else and for what a person wrote. */
import { join } from "node:path";
import { lagOf } from "../../buffer/ledger/holdings.ts";
import { BufferLedger, NoBufferError } from "../../buffer/ledger/ledger.ts";
import { messageOf } from "../../core/errors.ts";
import { grouped } from "../../core/readable-numbers.ts";
import { parseDotenv } from "../../core/settings/dotenv.ts";
import { checkSettings } from "../../core/settings/settings.ts";
import type { Host, HostView } from "../../systemd/host.ts";
import { unitPath } from "../../systemd/install-plan.ts";
import { planUninstall } from "../../systemd/uninstall-plan.ts";
import { ownersOf, type UnitOptions } from "../../systemd/unit.ts";
import { type Ask, agreed, askOnTerminal, typed } from "../frame/ask.ts";
import { type Context, defineCommand, type ExitCode } from "../frame/command.ts";
import type { Args, Flags } from "../frame/flags.ts";
import { hostHere, noSystemd, ownBinary, PLAN_FLAGS, planLines, stepJson, unitOf } from "./frame.ts";
import { needsRoot } from "./install.ts";
import { newDotenv } from "./places.ts";

const ARGS = {
  ...PLAN_FLAGS,
  purge: {
    type: "boolean",
    description: "Delete settings, rules and the data dir too, with readings that were not delivered.",
  },
} as const satisfies Args;

export const command = defineCommand({
  name: "uninstall",
  summary:
    "Stop the service and delete unit, binary and user. Readings that were not delivered stay, and settings that you changed; it says what stays, and how to delete it.",
  args: ARGS,
  examples: [
    "agent service uninstall --dry-run",
    "sudo agent service uninstall",
    "sudo agent service uninstall --purge",
  ],
  toleratesWrongSettings: true,
  run: (flags, context) => uninstall(flags, context, { host: hostHere(), ask: askOnTerminal }),
});

/** What an agent keeps in its data dir of a buffer that is whole. */
const BUFFER_FILES = /^(buffer\.db(-wal|-shm)?|(lock|waiting)\.(db|json)(-\w+)?|live\.json(\.new)?|reserve)$/;

type Surroundings = { readonly host: Host; readonly ask: Ask };

export async function uninstall(
  flags: Flags<typeof ARGS>,
  context: Context,
  { host, ask }: Surroundings,
): Promise<ExitCode> {
  const { say, stop } = context;
  if (host.systemdVersion === null) throw noSystemd("uninstall a service");
  const unit = installedUnit(host, flags.name);
  const dotenv = readable(() => host.text(join(unit.configDir, ".env")));
  const plan = () => {
    const heldBack = whyHeldBack(host, unit.dataDir, dotenv ?? "");
    const isConfigUntouched = dotenv === newDotenv(unit);
    return planUninstall(host, { unit, purge: flags.purge, heldBack, isConfigUntouched });
  };
  const steps = plan();
  const tell = async (done: boolean, told = steps) => {
    const value = { unit: unit.name, done, steps: told.map(stepJson), left_alone: [], notes: [] };
    if (flags.json) await context.write(`${JSON.stringify(value, null, 2)}\n`);
  };
  for (const line of planLines(steps)) say(line);
  if (steps.every(({ deeds }) => deeds.length === 0)) {
    say(`Nothing to do: there is no service "${unit.name}".`);
    await tell(true);
    return 0;
  }
  if (flags.dryRun) {
    say("Nothing was done (--dry-run).");
    await tell(false);
    return 0;
  }
  if (host.uid !== 0) throw needsRoot("uninstall a service", [ownBinary(), "service", "uninstall", ...again(flags)]);
  const word = flags.purge ? "purge" : "yes";
  const consent = { ...typed(word), what: "uninstall the service", tryHint: "sudo agent service uninstall --yes" };
  if (!(await agreed(flags, stop, ask, consent))) {
    say("Nothing was done.");
    return 1;
  }
  // Until it was stopped it took readings: what the data dir holds is asked again after that.
  for (const { deeds } of steps.slice(0, 1)) for (const deed of deeds) host.perform(deed);
  const rest = plan();
  for (const { deeds } of rest) for (const deed of deeds) host.perform(deed);
  for (const line of planLines(rest.filter(({ action }) => action === "keep"))) say(line);
  say(`The service "${unit.name}" is uninstalled.`);
  await tell(true, rest);
  return 0;
}

/** The unit at its places, as the file on disk has them. */
function installedUnit(host: HostView, name: string | undefined): UnitOptions {
  const usual = unitOf(name, host.systemdVersion);
  const { user, dataDir } = ownersOf(host.text(unitPath(usual.name)) ?? "");
  return { ...usual, user: user ?? usual.user, dataDir: dataDir ?? usual.dataDir };
}

/** Why the data dir must not be deleted, in words, or null. */
function whyHeldBack(host: HostView, dataDir: string, dotenv: string): string | null {
  const others = host.names(dataDir).filter((name) => !BUFFER_FILES.test(name));
  const more = others.length === 0 ? null : `it has more than a buffer: ${others.slice(0, 5).join(", ")}`;
  const reasons = [whyUndelivered(host, dataDir, dotenv), more].filter((reason) => reason !== null);
  return reasons.length === 0 ? null : reasons.join(", and ");
}

/** What cannot be read is not known to be delivered. */
function whyUndelivered(host: HostView, dataDir: string, dotenv: string): string | null {
  const { stages, windowMs } = checkSettings({ env: {}, dotenv: parseDotenv(dotenv) }).settings;
  let ledger: BufferLedger | null = null;
  try {
    ledger = BufferLedger.open(dataDir);
    const lags = Object.values(lagOf(ledger, stages, windowMs).stages);
    const rows = lags.reduce((sum, { pending, parked }) => sum + pending + parked, 0);
    return rows === 0 ? null : `${grouped(rows)} rows in it were not delivered`;
  } catch (error) {
    if (error instanceof NoBufferError && host.names(dataDir).every((name) => !name.startsWith("buffer"))) return null;
    return `its buffer cannot be read: ${messageOf(error)}`;
  } finally {
    ledger?.close();
  }
}

function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function again({ name, purge, yes, json }: Flags<typeof ARGS>): string[] {
  return [
    ...(name === undefined ? [] : ["--name", name]),
    ...(purge ? ["--purge"] : []),
    ...(yes ? ["--yes"] : []),
    ...(json ? ["--json"] : []),
  ];
}
