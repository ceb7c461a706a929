/** What `agent service install` derives from settings, and what it says where it may not or cannot do it. */
import { expect, test } from "bun:test";
import { resolveSettings } from "../../core/settings/settings.ts";
import type { Account, Deed, FileFacts, Host } from "../../systemd/host.ts";
import { usualUnit } from "../../systemd/unit.ts";
import type { Context } from "../frame/command.ts";
import { unitOf } from "./frame.ts";
import { install } from "./install.ts";
import { newDotenv, placesOf } from "./places.ts";

type Facts = Partial<FileFacts>;
function hostWith(files: Readonly<Record<string, Facts>>, more: Partial<Host> = {}): Host & { deeds: Deed[] } {
  const deeds: Deed[] = [];
  const facts = (path: string): FileFacts | null => {
    const file = files[path];
    if (file === undefined) return null;
    return { uid: 0, gid: 0, mode: 0o755, isFolder: false, bytes: 1, identity: path, ...file };
  };
  const host: Host = {
    uid: 0,
    systemdVersion: 252,
    facts,
    names: () => [],
    text: () => null,
    sameContent: () => false,
    account: () => null,
    groupName: (gid) => (gid === 20 ? "dialout" : null),
    unit: () => ({ LoadState: "loaded", ActiveState: "active", UnitFileState: "enabled" }),
    perform: (deed) => void deeds.push(deed),
    ...more,
  };
  return Object.assign(host, { deeds });
}

const USUAL = usualUnit(null);
const placesWith = (text: string, host: Host = hostWith({})) => placesOf(host, USUAL, text);

test("a new .env keeps everything in the data dir, and says that readings are simulated", () => {
  const { notes, ...places } = placesWith(newDotenv(USUAL));
  expect(places).toEqual({ dataDir: "/var/lib/agent", writes: [], reads: [], groups: [] });
  expect(notes).toEqual([expect.stringContaining("the agent makes readings itself (simulator:)")]);
});

test("paths are those of the working directory; a data dir and a store elsewhere are written", () => {
  const text = "AGENT_DATA_DIR=/mnt/card/agent\nAGENT_STORE=dir:lake\nAGENT_SOURCE=simulator:\n";
  expect(placesWith(text)).toEqual({
    dataDir: "/mnt/card/agent",
    writes: ["/etc/agent/lake"],
    reads: [],
    groups: [],
    notes: [],
  });
  expect(placesWith("AGENT_STORE=s3:\nAGENT_SOURCE=simulator:\n").writes).toEqual([]);
});

test("what sources, map, profile and rules are in is read; a group that lets in is added, what keeps out is said", () => {
  const folders = ["/srv", "/srv/plc", "/srv/rules", "/srv/closed"].map((path) => [path, { isFolder: true }]);
  const host = hostWith({
    ...Object.fromEntries(folders),
    "/srv/plc/a.db": { mode: 0o640, gid: 20 },
    "/srv/map.json": { mode: 0o644 },
    "/srv/closed/b.db": { mode: 0o600 },
  });
  const text = [
    "AGENT_SOURCE=sqlite:/srv/plc/a.db sqlite:/srv/closed/b.db?table=t sqlite:/srv/none/c.db",
    "AGENT_MAP=/srv/map.json",
    "AGENT_RULES_DIR=/srv/rules",
    "AGENT_PROFILE=mine.json",
    "AGENT_STORE=s3:",
  ].join("\n");
  const { reads, groups, notes } = placesWith(text, host);
  expect(reads).toEqual(["/srv/plc", "/srv/closed", "/srv/none", "/srv", "/srv/rules"]);
  expect(groups).toEqual(["dialout"]);
  expect(notes).toEqual([
    "agent cannot read /srv/closed/b.db: /srv/closed/b.db has mode 0600",
    "agent cannot read /srv/none/c.db: /srv/none is not there yet, or cannot be seen",
  ]);
});

test("standard input is said to bring nothing; a setting that is wrong refuses the whole service", () => {
  expect(placesWith("AGENT_SOURCE=stdin:").notes[0]).toContain("a service has no standard input");
  expect(() => placesWith("AGENT_PUTS=many\nAGENT_KEEP=x")).toThrow(/AGENT_KEEP[\s\S]*AGENT_PUTS/);
});

test("a name is part of every place, and cannot be a path or an option", () => {
  expect(unitOf("west", 254)).toMatchObject({ name: "agent-west", dataDir: "/var/lib/agent-west", hasBackOff: true });
  expect(unitOf(undefined, 252)).toEqual(USUAL);
  for (const name of ["../x", "-x", "a b", "West", "x".repeat(22), "a.service"])
    expect(() => unitOf(name, 252)).toThrow();
});

const ROOT_USER: Account = { uid: 0, gid: 0, home: "/", shell: "/bin/sh" };
async function installed(host: Host, flags: { dryRun?: boolean; yes?: boolean; json?: boolean; user?: string }) {
  const said: string[] = [];
  let written = "";
  const context: Context = {
    typed: "agent service install",
    settings: resolveSettings({}),
    env: {},
    cwd: "/",
    write: async (data) => {
      written += String(data);
    },
    say: (line) => void said.push(line),
    terminal: false,
    stop: new AbortController().signal,
  };
  const all = { name: undefined, user: undefined, dryRun: false, yes: false, json: false, ...flags };
  const around = { host, from: "/media/my stick/agent", ask: async () => "no" };
  const code = await install(all, context, around).catch((error: unknown) => error);
  return { code, said: said.join("\n"), written };
}

test("a user who is not root sees everything, and the command to type, and nothing is done", async () => {
  const host = hostWith({}, { uid: 1000 });
  const { code, said } = await installed(host, { yes: true });
  expect(said).toContain("+ /etc/systemd/system/agent.service: create");
  expect(code).toMatchObject({
    message: "Cannot install a service as this user: nothing was done",
    tryHint: "sudo '/media/my stick/agent' service install --yes",
  });
  expect(host.deeds).toEqual([]);
});

test("an answer that is not yes does nothing; --json of a dry run says what would be done", async () => {
  const host = hostWith({});
  expect(await installed(host, {})).toMatchObject({ code: 1, said: expect.stringContaining("Nothing was done.") });
  const { code, written } = await installed(host, { dryRun: true, json: true });
  expect(code).toBe(0);
  const told: unknown = JSON.parse(written);
  expect(told).toMatchObject({ unit: "agent", done: false, steps: expect.any(Array), left_alone: [] });
  expect(host.deeds).toEqual([]);
});

test("where systemd does not run, only a dry run shows something; root is no user of a service", async () => {
  const host = hostWith({}, { systemdVersion: null, account: () => ROOT_USER });
  expect((await installed(host, { yes: true })).code).toMatchObject({ advice: expect.stringContaining("agent run") });
  expect(await installed(host, { dryRun: true })).toMatchObject({
    code: 0,
    said: expect.stringContaining("ExecStart="),
  });
  for (const user of ["root", "a b", "x\nUser=root"]) {
    expect((await installed(hostWith({}), { yes: true, user })).code).toMatchObject({ name: "UsageError" });
  }
});

test("what is done is the list that was shown, in its order", async () => {
  const host = hostWith({});
  expect((await installed(host, { yes: true })).code).toBe(0);
  expect(host.deeds.map((deed) => deed.do)).toEqual([
    ...["run", "folder", "binary", "folder", "folder", "write", "write"],
    ...["run", "run"],
  ] as Deed["do"][]);
});
