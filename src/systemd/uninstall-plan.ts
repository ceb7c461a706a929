/** What `agent service uninstall` deletes and what it keeps: never readings that are nowhere else. */
import { dirname, join } from "node:path";
import { AgentError } from "../core/errors.ts";
import type { Deed, HostView, Step } from "./host.ts";
import { COMMAND_LINK, dropIns, packagedUnit, unitPath } from "./install-plan.ts";
import { UNIT_MARK, type UnitOptions } from "./unit.ts";

export type UninstallRequest = {
  /** As it is installed. */
  readonly unit: UnitOptions;
  readonly purge: boolean;
  /** Why the data dir must stay, in words; null: the store has everything that was in it. */
  readonly heldBack: string | null;
  /** `.env` is as `install` wrote it. */
  readonly isConfigUntouched: boolean;
};

/** In the order in which it is done: the service is stopped first. */
export function planUninstall(host: HostView, request: UninstallRequest): readonly Step[] {
  const { unit } = request;
  const packaged = packagedUnit(host, unit.name);
  if (packaged !== null) {
    throw new AgentError(`Cannot uninstall the service "${unit.name}": a package brought its unit, ${packaged}`, {
      tryHint: `sudo apt-get remove ${unit.name}`,
    });
  }
  // Without a unit of ours the usual places are those of another way to run an agent.
  if (host.text(unitPath(unit.name)) === null) return [];
  const unitSteps = stopSteps(host, unit, request.purge);
  const [config, data] = [configStep(host, request), dataStep(host, request)];
  const found = [...unitSteps, ...binarySteps(host, unit), ...config, ...data];
  // Files that stay keep their owner's name.
  const stays = [...config, ...data].some(({ action }) => action === "keep");
  return [...found, ...userStep(host, unit, stays)];
}

const gone = (path: string, because: string, more: readonly string[] = []): Step => {
  const deeds = [path, ...more].map((one): Deed => ({ do: "delete", path: one }));
  return { what: path, action: "delete", because, shown: [], deeds };
};
const keeping = (what: string, because: string): Step => ({ what, action: "keep", because, shown: [], deeds: [] });

function stopSteps(host: HostView, { name }: UnitOptions, purge: boolean): Step[] {
  const [path, service] = [unitPath(name), `${name}.service`];
  const run = (because: string, ...command: readonly string[]): Step => {
    return { what: command.join(" "), action: "run", because, shown: [], deeds: [{ do: "run", command }] };
  };
  const text = host.text(path);
  const own = dropIns(host, name);
  const leftovers =
    own.length === 0 ? [] : [purge ? gone(`${path}.d`, "your drop-ins") : keeping(`${path}.d`, "your drop-ins")];
  if (text?.startsWith(UNIT_MARK) !== true) {
    throw new AgentError(`Cannot uninstall the service "${name}": ${path} was not written by this command`, {
      tryHint: `head ${path}`,
    });
  }
  return [
    run("it ends, and does not start with the machine", "systemctl", "disable", "--now", service),
    gone(path, "the unit"),
    ...leftovers,
    run("systemd forgets the unit", "systemctl", "daemon-reload"),
  ];
}

function binarySteps(host: HostView, { name, binary }: UnitOptions): Step[] {
  if (host.facts(binary) === null) return [];
  const folder = dirname(unitPath(name));
  const others = host
    .names(folder)
    .filter((file) => file !== `${name}.service` && file.endsWith(".service"))
    .filter((file) => host.text(join(folder, file))?.startsWith(UNIT_MARK) === true);
  if (others.length > 0) return [keeping(binary, `${others.join(", ")} runs it`)];
  const previous = `${binary}.previous`;
  const isAlone = host.names(dirname(binary)).every((file) => [binary, previous].includes(join(dirname(binary), file)));
  const isLinked = host.facts(COMMAND_LINK)?.identity === host.facts(binary)?.identity;
  return [
    ...(isLinked ? [gone(COMMAND_LINK, "the command agent")] : []),
    gone(binary, "the binary, and the one before it", [previous, ...(isAlone ? [dirname(binary)] : [])]),
  ];
}

function configStep(host: HostView, { unit, purge, isConfigUntouched }: UninstallRequest): Step[] {
  const { configDir } = unit;
  if (host.facts(configDir) === null) return [];
  if (purge) return [gone(configDir, "settings, with their secrets, and rules")];
  const rules = host.names(join(configDir, "rules"));
  const others = host.names(configDir).filter((name) => name !== ".env" && name !== "rules");
  if (isConfigUntouched && rules.length === 0 && others.length === 0)
    return [gone(configDir, "nothing in it was changed")];
  return [keeping(configDir, `it has settings or rules of yours. To delete them: sudo rm -r ${configDir}`)];
}

function dataStep(host: HostView, { unit, purge, heldBack }: UninstallRequest): Step[] {
  const { dataDir } = unit;
  if (host.facts(dataDir) === null) return [];
  if (purge) return [gone(dataDir, heldBack === null ? "everything in it was delivered" : `although ${heldBack}`)];
  if (heldBack === null) return [gone(dataDir, "everything in it was delivered")];
  return [keeping(dataDir, `${heldBack}. To delete it: sudo rm -r ${dataDir}`)];
}

/** Only a user that `install` made: of this name, with this home, who cannot log in. */
function userStep(host: HostView, { user, name, dataDir }: UnitOptions, stays: boolean): Step[] {
  const account = host.account(user);
  if (account === null || user !== name || account.home !== dataDir) return [];
  if (!/\/(nologin|false)$/.test(account.shell)) return [];
  if (stays) return [keeping(`user ${user}`, "what stays belongs to it")];
  return [
    {
      what: `user ${user}`,
      action: "delete",
      because: "nothing belongs to it",
      shown: [],
      deeds: [{ do: "run", command: ["userdel", user] }],
    },
  ];
}
