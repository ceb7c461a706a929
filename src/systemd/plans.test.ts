/** What is installed and uninstalled on hosts of all kinds, decided without one. */
import { expect, test } from "bun:test";
import { AgentError, UsageError } from "../core/errors.ts";
import type { Account, FileFacts, HostView, Step } from "./host.ts";
import { type InstallRequest, planInstall } from "./install-plan.ts";
import { lineDiff } from "./text-diff.ts";
import { planUninstall } from "./uninstall-plan.ts";
import { unitText, usualUnit } from "./unit.ts";

type Files = Readonly<Record<string, Partial<FileFacts> & { readonly text?: string }>>;

/** A host with these files and users; "binary" is the content of every file that has no text. */
function hostWith(files: Files, accounts: Readonly<Record<string, Account>> = {}, unit: Record<string, string> = {}) {
  const host: HostView = {
    uid: 0,
    systemdVersion: 252,
    facts: (path) => {
      const file = files[path];
      if (file === undefined) return null;
      const { uid = 0, gid = 0, isFolder = file.text === undefined, bytes = 6 } = file;
      return { uid, gid, mode: file.mode ?? 0o755, isFolder, bytes, identity: file.identity ?? path };
    },
    names: (folder) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${folder}/`) && !path.slice(folder.length + 1).includes("/"))
        .map((path) => path.slice(folder.length + 1))
        .sort(),
    text: (path) => files[path]?.text ?? null,
    sameContent: (one, other) => files[one]?.text === files[other]?.text,
    account: (name) => accounts[name] ?? null,
    groupName: () => null,
    unit: () => unit,
  };
  return host;
}

const AGENT: Account = { uid: 999, gid: 999, home: "/var/lib/agent", shell: "/usr/sbin/nologin" };
const REQUEST: InstallRequest = {
  unit: usualUnit(null),
  isUserGiven: false,
  from: "/media/stick/agent",
  dotenv: "# x\nAGENT_STORE=dir:/var/lib/agent/lake\n",
};
const UNIT = "/etc/systemd/system/agent.service";
const FRESH: Files = { "/media/stick/agent": { text: "new" }, "/usr/local/bin": {} };
const INSTALLED: Files = {
  ...FRESH,
  "/opt/agent": {},
  "/opt/agent/agent": { text: "new", identity: "8:1" },
  "/usr/local/bin/agent": { text: "new", identity: "8:1" },
  "/etc/agent": {},
  "/etc/agent/rules": {},
  "/etc/agent/.env": { text: "", uid: 999, mode: 0o600 },
  [UNIT]: { text: unitText(usualUnit(null)) },
};
const RUNNING = { UnitFileState: "enabled", ActiveState: "active", NeedDaemonReload: "no" };

const actions = (steps: readonly Step[]) => steps.map(({ what, action }) => `${action} ${what}`);
const changed = (steps: readonly Step[]) => actions(steps).filter((line) => !line.startsWith("none "));

test("on a fresh host everything is made, in the order in which it is needed", () => {
  const { steps, leftAlone } = planInstall(hostWith(FRESH), REQUEST);
  expect(actions(steps)).toEqual([
    "create user agent",
    "create /opt/agent/agent",
    "create /usr/local/bin/agent",
    "create /etc/agent",
    "create /etc/agent/rules",
    "create /etc/agent/.env",
    `create ${UNIT}`,
    "run systemctl daemon-reload",
    "run systemctl enable agent.service",
    "run systemctl restart --no-block agent.service",
  ]);
  expect(steps.find(({ what }) => what.endsWith(".env"))?.shown).toEqual(["+AGENT_STORE=dir:/var/lib/agent/lake"]);
  expect(leftAlone).toEqual([]);
});

test("where all is as it should be, nothing is done", () => {
  const { steps } = planInstall(hostWith(INSTALLED, { agent: AGENT }, RUNNING), REQUEST);
  expect(changed(steps)).toEqual([]);
});

test("another binary is copied over the old one and the service started again, without a change of the unit", () => {
  const { steps } = planInstall(
    hostWith({ ...INSTALLED, "/media/stick/agent": { text: "newer" } }, { agent: AGENT }, RUNNING),
    REQUEST,
  );
  expect(changed(steps)).toEqual(["update /opt/agent/agent", "run systemctl restart --no-block agent.service"]);
});

test("a changed unit is a diff; a drop-in is named; an .env that others read is closed", () => {
  const files: Files = {
    ...INSTALLED,
    "/etc/agent/.env": { text: "", uid: 0, mode: 0o644 },
    [UNIT]: { text: unitText({ ...usualUnit(null), writes: ["/srv/lake"] }) },
    [`${UNIT}.d/memory.conf`]: { text: "[Service]" },
  };
  const { steps, leftAlone } = planInstall(hostWith(files, { agent: AGENT }, RUNNING), REQUEST);
  expect(changed(steps)).toEqual([
    "update /etc/agent/.env",
    `update ${UNIT}`,
    "run systemctl daemon-reload",
    "run systemctl restart --no-block agent.service",
  ]);
  expect(steps.find(({ what }) => what === UNIT)?.shown).toEqual([
    "-RequiresMountsFor=/var/lib/agent /srv/lake",
    "+RequiresMountsFor=/var/lib/agent",
    "-ReadWritePaths=/srv/lake",
  ]);
  expect(leftAlone).toEqual([`${UNIT}.d/memory.conf`]);
});

test("a unit that this command did not write, and one of a package, are refused; so is a user who is not there", () => {
  const foreign = hostWith({ ...INSTALLED, [UNIT]: { text: "[Service]\nExecStart=/bin/true\n" } }, { agent: AGENT });
  expect(() => planInstall(foreign, REQUEST)).toThrow(AgentError);
  expect(() =>
    planUninstall(foreign, { unit: usualUnit(null), purge: false, heldBack: null, isConfigUntouched: true }),
  ).toThrow(AgentError);
  const packaged = hostWith({ ...FRESH, "/usr/lib/systemd/system/agent.service": { text: "" } });
  expect(() => planInstall(packaged, REQUEST)).toThrow("a package brought its unit");
  const unit = { ...usualUnit(null), user: "plc" };
  expect(() => planInstall(hostWith(FRESH), { ...REQUEST, unit, isUserGiven: true })).toThrow(UsageError);
});

test("a store folder that is another's keeps its owner, and the service is not started again for it each time", () => {
  const unit = { ...usualUnit(null), writes: ["/srv/lake"] };
  const files: Files = { ...INSTALLED, "/srv/lake": { uid: 1000 }, [UNIT]: { text: unitText(unit) } };
  const { steps } = planInstall(hostWith(files, { agent: AGENT }, RUNNING), { ...REQUEST, unit });
  expect(changed(steps)).toEqual(["keep /srv/lake"]);
  expect(steps.find(({ action }) => action === "keep")?.because).toContain("sudo chown -R agent: /srv/lake");
});

const REMOVAL = { unit: usualUnit(null), purge: false, heldBack: null, isConfigUntouched: true };
const WITH_DATA: Files = { ...INSTALLED, "/var/lib/agent": { uid: 999, mode: 0o700 } };

test("where everything was delivered and nothing was changed, uninstall leaves nothing", () => {
  const steps = planUninstall(hostWith(WITH_DATA, { agent: AGENT }), REMOVAL);
  expect(actions(steps)).toEqual([
    "run systemctl disable --now agent.service",
    `delete ${UNIT}`,
    "run systemctl daemon-reload",
    "delete /usr/local/bin/agent",
    "delete /opt/agent/agent",
    "delete /etc/agent",
    "delete /var/lib/agent",
    "delete user agent",
  ]);
});

test("what is not delivered, what a person wrote, and the owner of both stay, unless they are purged", () => {
  const files: Files = { ...WITH_DATA, "/etc/agent/rules/a.json": { text: "{}" }, [`${UNIT}.d/a.conf`]: { text: "" } };
  const host = hostWith(files, { agent: AGENT });
  const removal = { ...REMOVAL, heldBack: "7 rows in it were not delivered" };
  const steps = planUninstall(host, removal);
  const kept = steps.filter(({ action }) => action === "keep");
  expect(kept.map(({ what }) => what)).toEqual([`${UNIT}.d`, "/etc/agent", "/var/lib/agent", "user agent"]);
  expect(kept[2]?.because).toBe("7 rows in it were not delivered. To delete it: sudo rm -r /var/lib/agent");
  expect(kept.flatMap(({ deeds }) => deeds)).toEqual([]);
  const purged = planUninstall(host, { ...removal, purge: true });
  expect(purged.filter(({ action }) => action === "keep")).toEqual([]);
  expect(purged.find(({ what }) => what === "/var/lib/agent")?.because).toContain("although 7 rows");
});

test("another program called agent is left alone", () => {
  const host = hostWith(
    { ...WITH_DATA, "/usr/local/bin/agent": { text: "of a person", identity: "8:2" } },
    { agent: AGENT },
    RUNNING,
  );
  expect(changed(planInstall(host, REQUEST).steps)).toEqual([]);
  expect(actions(planUninstall(host, REMOVAL)).filter((line) => line.includes("/usr/local"))).toEqual([]);
});

test("a binary that another service runs, and a user whom install did not make, stay", () => {
  const files: Files = {
    ...WITH_DATA,
    "/etc/systemd/system/agent-west.service": { text: unitText(usualUnit("west")) },
  };
  const steps = planUninstall(hostWith(files, { agent: { ...AGENT, shell: "/bin/bash" } }), REMOVAL);
  expect(actions(steps)).toContain("keep /opt/agent/agent");
  expect(actions(steps).filter((line) => line.includes("user"))).toEqual([]);
});

test("without a unit of ours nothing is deleted: the same places are those of an agent that another program runs", () => {
  const { [UNIT]: _, ...files } = WITH_DATA;
  expect(planUninstall(hostWith(files, { agent: AGENT }), { ...REMOVAL, purge: true })).toEqual([]);
});

test("a diff has the lines that differ, in order", () => {
  expect(lineDiff("a\nb\nc\n", "a\nx\nc\nd\n")).toEqual(["-b", "+x", "+d"]);
  expect(lineDiff("a\n", "a\n")).toEqual([]);
});
