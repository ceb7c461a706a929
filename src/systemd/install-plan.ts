/** What `agent service install` does on this host, decided before anything is done. Doing it twice does nothing. */
import { dirname, join } from "node:path";
import { AgentError, UsageError } from "../core/errors.ts";
import { type HostView, type Step, unchanged } from "./host.ts";
import { lineDiff } from "./text-diff.ts";
import { UNIT_MARK, type UnitOptions, unitText } from "./unit.ts";

const UNIT_FOLDER = "/etc/systemd/system";
/** Where packages put units. */
const PACKAGED = ["/usr/lib/systemd/system", "/lib/systemd/system"];
const NOLOGIN = ["/usr/sbin/nologin", "/sbin/nologin", "/bin/false"];

export type InstallRequest = {
  readonly unit: UnitOptions;
  /** The user was named: it must be there. */
  readonly isUserGiven: boolean;
  /** The running binary, which is copied. */
  readonly from: string;
  /** The text of a new `.env`. */
  readonly dotenv: string;
};

export type Plan = {
  readonly steps: readonly Step[];
  /** Files of the operator that have a say and are not touched. */
  readonly leftAlone: readonly string[];
};

export const unitPath = (name: string): string => join(UNIT_FOLDER, `${name}.service`);

/** Throws an AgentError for a unit that is not ours, UsageError for a user who is not there. */
export function planInstall(host: HostView, request: InstallRequest): Plan {
  const { unit } = request;
  refusePackaged(host, unit.name);
  const steps = [
    userStep(host, request),
    binaryStep(host, request),
    ...linkSteps(host, unit.binary),
    ...configSteps(host, request),
    ...dataSteps(host, unit),
    unitStep(host, unit),
  ];
  return { steps: [...steps, ...runSteps(host, unit, steps)], leftAlone: dropIns(host, unit.name) };
}

/** Every file by which an operator changes the unit. */
export function dropIns(host: HostView, name: string): readonly string[] {
  const folder = `${unitPath(name)}.d`;
  return host.names(folder).flatMap((file) => (file.endsWith(".conf") ? [join(folder, file)] : []));
}

/** The unit that a package brought, or null. */
export function packagedUnit(host: HostView, name: string): string | null {
  return PACKAGED.map((folder) => join(folder, `${name}.service`)).find((path) => host.facts(path) !== null) ?? null;
}

function refusePackaged(host: HostView, name: string): void {
  const packaged = packagedUnit(host, name);
  if (packaged === null) return;
  throw new AgentError(`Cannot install the service "${name}": a package brought its unit, ${packaged}`, {
    advice: `A second unit would hide that one. Start the one of the package, or install another service with --name`,
    tryHint: `sudo systemctl enable --now ${name}`,
  });
}

function userStep(host: HostView, { unit, isUserGiven }: InstallRequest): Step {
  const { user, dataDir } = unit;
  if (host.account(user) !== null) return unchanged(`user ${user}`, "it is there");
  if (isUserGiven) {
    throw new UsageError(`Cannot run the service as "${user}": there is no such user`, {
      tryHint: "agent service install --help",
    });
  }
  const shell = NOLOGIN.find((path) => host.facts(path) !== null) ?? "/bin/false";
  const options = ["--system", "--user-group", "--no-create-home", "--home-dir", dataDir, "--shell", shell];
  return {
    what: `user ${user}`,
    action: "create",
    because: "the service has a user of its own, who cannot log in",
    shown: [],
    deeds: [{ do: "run", command: ["useradd", ...options, user] }],
  };
}

function binaryStep(host: HostView, { unit, from }: InstallRequest): Step {
  const path = unit.binary;
  const [here, there] = [host.facts(from), host.facts(path)];
  const isSame = there !== null && (here?.identity === there.identity || host.sameContent(from, path));
  if (isSame && (there.mode & 0o111) === 0o111) return unchanged(path, "this binary is there");
  if (isSame) {
    const because = "every user may start it";
    return { what: path, action: "update", because, shown: [], deeds: [{ do: "own", path, mode: 0o755, owner: null }] };
  }
  const folder = dirname(path);
  return {
    what: path,
    action: there === null ? "create" : "update",
    because: `a copy of ${from}${there === null ? "" : `; the one that is there is ${path}.previous then`}`,
    shown: [],
    deeds: [
      ...(host.facts(folder) === null ? [{ do: "folder", path: folder, mode: 0o755, owner: null } as const] : []),
      { do: "binary", from, path },
    ],
  };
}

/** So that a person can type `agent`. */
export const COMMAND_LINK = "/usr/local/bin/agent";

function linkSteps(host: HostView, binary: string): Step[] {
  const [folder, there] = [host.facts(dirname(COMMAND_LINK)), host.facts(COMMAND_LINK)];
  if (folder === null) return [];
  if (there !== null) {
    const isOurs = there.identity === host.facts(binary)?.identity;
    return [unchanged(COMMAND_LINK, isOurs ? "the command is there" : "another file is there")];
  }
  const deed = { do: "run", command: ["ln", "-sf", binary, COMMAND_LINK] } as const;
  return [{ what: COMMAND_LINK, action: "create", because: "the command agent", shown: [], deeds: [deed] }];
}

function configSteps(host: HostView, { unit, dotenv }: InstallRequest): Step[] {
  const { configDir, user } = unit;
  const file = join(configDir, ".env");
  const uid = host.account(user)?.uid ?? null;
  return [
    folderStep(host, configDir, "the working directory of the service, which it cannot write"),
    folderStep(host, join(configDir, "rules"), "for rule files; while it is empty the rules in the binary count"),
    secretStep(),
  ];

  function secretStep(): Step {
    const found = host.facts(file);
    if (found === null) {
      const because = `its settings, for ${user} alone; only those that are not the default are shown`;
      const shown = dotenv.split("\n").flatMap((line) => (/^[A-Z]/.test(line) ? [`+${line}`] : []));
      const deed = { do: "write", path: file, text: dotenv, mode: 0o600, owner: user } as const;
      return { what: file, action: "create", because, shown, deeds: [deed] };
    }
    if (found.uid === uid && (found.mode & 0o077) === 0)
      return unchanged(file, "it is there, and only its user reads it");
    const because = `it may have secrets, so ${user} reads it and no one else`;
    const deed = { do: "own", path: file, mode: 0o600, owner: user } as const;
    return { what: file, action: "update", because, shown: [], deeds: [deed] };
  }
}

function folderStep(host: HostView, path: string, because: string): Step {
  const found = host.facts(path);
  if (found === null) {
    const deed = { do: "folder", path, mode: 0o755, owner: null } as const;
    return { what: path, action: "create", because, shown: [], deeds: [deed] };
  }
  if ((found.mode & 0o005) === 0o005) return unchanged(path, "it is there");
  const deed = { do: "own", path, mode: found.mode | 0o055, owner: null } as const;
  return { what: path, action: "update", because: "the service must be able to enter it", shown: [], deeds: [deed] };
}

/** Folders that systemd does not make: a data dir below /var/lib it makes, and gives to the user. */
function dataSteps(host: HostView, { dataDir, writes, user }: UnitOptions): Step[] {
  const uid = host.account(user)?.uid ?? null;
  const byHand = [...(dataDir.startsWith("/var/lib/") ? [] : [dataDir]), ...writes];
  return byHand.map((path) => {
    const found = host.facts(path);
    const mode = path === dataDir ? 0o700 : 0o755;
    if (found === null) {
      const deed = { do: "folder", path, mode, owner: user } as const;
      return { what: path, action: "create", because: "the service writes it", shown: [], deeds: [deed] };
    }
    if (found.uid === uid || (found.mode & 0o002) !== 0) return unchanged(path, "it is there");
    // Whose folder it is, and what else is in it, is not for this command to change.
    const because = `${user} cannot write it, so it stays empty. To give it to the service: sudo chown -R ${user}: ${path}`;
    return { what: path, action: "keep", because, shown: [], deeds: [] };
  });
}

function unitStep(host: HostView, unit: UnitOptions): Step {
  const path = unitPath(unit.name);
  const text = unitText(unit);
  const before = host.text(path);
  const deed = { do: "write", path, text, mode: 0o644, owner: null } as const;
  if (before === null) {
    const shown = text.trimEnd().split("\n");
    return { what: path, action: "create", because: "the unit", shown, deeds: [deed] };
  }
  if (before === text) return unchanged(path, "it is as this version writes it");
  if (!before.startsWith(UNIT_MARK)) {
    throw new AgentError(
      `Cannot install the service "${unit.name}": ${path} is there, and this command did not write it`,
      {
        advice: "Move that file away, or install another service with --name",
        tryHint: `head ${path}`,
      },
    );
  }
  return { what: path, action: "update", because: "the unit changes", shown: lineDiff(before, text), deeds: [deed] };
}

/** What systemd is asked to do once the files are there. */
function runSteps(host: HostView, { name }: UnitOptions, before: readonly Step[]): Step[] {
  const service = `${name}.service`;
  const state = host.unit(service);
  const isChanged = (what: string) => before.some((step) => step.what.endsWith(what) && step.deeds.length > 0);
  const run = (because: string, ...command: readonly string[]): Step => {
    const line = ["systemctl", ...command];
    return { what: line.join(" "), action: "run", because, shown: [], deeds: [{ do: "run", command: line }] };
  };
  const steps: Step[] = [];
  if (isChanged(service) || state["NeedDaemonReload"] === "yes")
    steps.push(run("systemd reads the unit", "daemon-reload"));
  if (state["UnitFileState"] !== "enabled") steps.push(run("it starts with the machine", "enable", service));
  const isActive = ["active", "reloading"].includes(state["ActiveState"] ?? "");
  // A start that waits for another agent's lock may take long: the command looks at it instead of waiting.
  if (!isActive) steps.push(run("now, too", "restart", "--no-block", service));
  else if (before.some(({ deeds }) => deeds.length > 0) || state["NeedDaemonReload"] === "yes") {
    steps.push(run("it runs with what was there before", "restart", "--no-block", service));
  }
  return steps;
}
