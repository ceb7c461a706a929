/** The compiled binary as a service of a real systemd: every line of the unit is in force, the filter of system calls too. */
import { Database } from "bun:sqlite";
import { afterAll, expect } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { AGENT_BINARY, ENOUGH_MS } from "../../testing/agent-process.ts";
import { testWith } from "../../testing/needs.ts";
import { RealSystemd } from "../../testing/real-systemd.ts";

const realTest = testWith("binary", "time", "linux", "a systemd of its own");
const UNIT = "agent.service";
const DROP_IN = `/etc/systemd/system/${UNIT}.d/test.conf`;
/** Of another user; in parts, because no text of the repository names a place of one machine. */
const HOME = ["", "home", "plc"].join("/");
let systemd: RealSystemd | null = null;
afterAll(async () => await systemd?.end());

/** One for all tests, which follow each other as the life of a device. */
async function machine(): Promise<RealSystemd> {
  systemd ??= await RealSystemd.start(AGENT_BINARY);
  return systemd;
}

/** Lines of `[Service]` beside those of the unit; the service is started again with them. */
function withLines(on: RealSystemd, ...lines: readonly string[]): void {
  on.write(DROP_IN, ["[Service]", "RestartSec=100ms", ...lines, ""].join("\n"));
  expect(on.run("systemctl", "daemon-reload").code).toBe(0);
  expect(on.run("systemctl", "restart", "--no-block", UNIT).code).toBe(0);
}

const isUp = (on: RealSystemd) => on.property(UNIT, "SubState") === "running";
const pidOf = (on: RealSystemd) => on.property(UNIT, "MainPID");
const service = (on: RealSystemd, ...words: readonly string[]) => on.run("/usr/local/src/agent", "service", ...words);

realTest(
  "install shows everything, starts the service as a user without rights, and a second time has nothing to do",
  async () => {
    const on = await machine();
    const shown = service(on, "install", "--dry-run");
    expect([shown.code, existsSync(on.path("/etc/agent"))]).toEqual([0, false]);
    for (const part of [
      "useradd --system",
      "MemoryMax=512M",
      "+AGENT_STORE=dir:/var/lib/agent/lake",
      "systemctl enable",
    ]) {
      expect(shown.err).toContain(part);
    }
    const unasked = service(on, "install");
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining("there is no terminal to ask on")]);
    const done = service(on, "install", "--yes");
    expect([done.code, done.err]).toEqual([0, expect.stringContaining('The service "agent" runs')]);
    const process = readFileSync(on.path(`/proc/${pidOf(on)}/status`), "utf8");
    expect(process).toMatch(/^CapBnd:\t0+$/m);
    expect(process).toMatch(/^Seccomp:\t2$/m);
    expect(process).not.toMatch(/^Uid:\t0/m);
    // The command that a person types, where the data dir of `.env` is.
    const node = on.run("sh", "-c", "cd /etc/agent && agent status --json");
    expect([node.code, node.out]).toEqual([0, expect.stringContaining('"health": "ok"')]);
    expect(on.run("stat", "-c", "%a %U", "/etc/agent/.env", "/var/lib/agent").out).toBe("600 agent\n700 agent\n");
    expect(await on.until(() => on.property(UNIT, "StatusText").includes("readings accepted"))).toBe(true);
    const again = service(on, "install", "--json");
    expect(again.err).toContain("Nothing to do");
    expect(JSON.parse(again.out)).toMatchObject({ unit: "agent", done: true, left_alone: [] });
    const status = service(on, "status", "--json");
    expect(status.code).toBe(0);
    expect(JSON.parse(status.out)).toMatchObject({ state: "running", restarts: 0, watchdog_ms: 120_000, problems: [] });
  },
  ENOUGH_MS,
);

realTest(
  "kill -9 is followed by another start, and the drop-in of an operator is named and left alone",
  async () => {
    const on = await machine();
    const before = pidOf(on);
    withLines(on);
    // A restart that was only asked for has the old process still.
    expect(await on.until(() => isUp(on) && pidOf(on) !== before)).toBe(true);
    const first = pidOf(on);
    on.run("kill", "-9", first);
    expect(await on.until(() => on.property(UNIT, "NRestarts") === "1" && isUp(on))).toBe(true);
    expect(pidOf(on)).not.toBe(first);
    const status = service(on, "status");
    expect([status.code, status.out]).toEqual([
      0,
      expect.stringMatching(/restarts +1 [\s\S]*last exit +in the journal[\s\S]*test\.conf/),
    ]);
    expect(service(on, "install").err).toContain(`${DROP_IN}: yours, and left alone`);
  },
  ENOUGH_MS,
);

realTest(
  "an agent that hangs is killed by the watchdog and started again; one whose store is away is not",
  async () => {
    const on = await machine();
    on.run("sh", "-c", "cp /etc/agent/.env /etc/agent/env.kept");
    on.run(
      "sh",
      "-c",
      "printf 'AGENT_STORE=s3:\\nAWS_ENDPOINT_URL_S3=http://127.0.0.1:9\\nAWS_ACCESS_KEY_ID=a\\nAWS_SECRET_ACCESS_KEY=b\\nAGENT_BATCH_MS=100ms\\nAGENT_SOURCE=simulator:?rate=10\\n' > /etc/agent/.env",
    );
    withLines(on, "WatchdogSec=2s", "TimeoutAbortSec=500ms");
    const journal = () => on.run("journalctl", "-u", UNIT, "--no-pager", "-o", "cat").out;
    expect(await on.until(() => journal().includes("uplink_down"))).toBe(true);
    const first = pidOf(on);
    await Bun.sleep(4_000);
    expect([pidOf(on), on.property(UNIT, "NRestarts")]).toEqual([first, "0"]);
    on.run("kill", "-STOP", first);
    expect(await on.until(() => on.property(UNIT, "NRestarts") === "1" && isUp(on))).toBe(true);
    expect(journal()).toContain("Watchdog timeout");
  },
  ENOUGH_MS,
);

realTest(
  "a start that waits for another agent's lock is not killed, and status says that it waits",
  async () => {
    const on = await machine();
    on.run("systemctl", "stop", UNIT);
    const hold = ["/opt/agent/agent", "run", "--source", "simulator:?rate=1", "--data-dir", "/var/lib/agent"];
    expect(on.run("systemd-run", "--unit=holder", "--uid=agent", "--working-directory=/tmp", ...hold).code).toBe(0);
    expect(await on.until(() => existsSync(on.path("/var/lib/agent/lock.json")))).toBe(true);
    expect(await on.until(() => on.property("holder", "SubState") === "running")).toBe(true);
    expect(
      await on.until(() => on.run("agent", "status", "--data-dir", "/var/lib/agent").out.includes("agent 0.")),
    ).toBe(true);
    withLines(on, "TimeoutStartSec=2s");
    await Bun.sleep(5_000);
    expect([on.property(UNIT, "ActiveState"), on.property(UNIT, "NRestarts")]).toEqual(["activating", "0"]);
    const status = service(on, "status");
    expect([status.code, status.out]).toEqual([1, expect.stringMatching(/has not begun to take readings: .*has it/)]);
    on.run("systemctl", "stop", "holder");
    expect(await on.until(() => isUp(on))).toBe(true);
  },
  ENOUGH_MS,
);

realTest(
  "a reload keeps the process; a stop ends in order, and may deliver for AGENT_DRAIN, longer than its time",
  async () => {
    const on = await machine();
    const first = pidOf(on);
    on.run("sh", "-c", "echo AGENT_DRAIN=4s >> /etc/agent/.env");
    expect(on.run("systemctl", "reload", UNIT).code).toBe(0);
    expect(await on.until(() => on.property(UNIT, "ActiveState") === "active")).toBe(true);
    expect(pidOf(on)).toBe(first);
    withLines(on, "TimeoutStopSec=1s");
    expect(await on.until(() => isUp(on) && pidOf(on) !== first)).toBe(true);
    const begun = performance.now();
    expect(on.run("systemctl", "stop", UNIT).code).toBe(0);
    expect(performance.now() - begun).toBeGreaterThan(3_000);
    on.run("sed", "-i", "/^AGENT_DRAIN/d", "/etc/agent/.env");
    expect([on.property(UNIT, "Result"), on.property(UNIT, "ExecMainStatus")]).toEqual(["success", "0"]);
    const status = service(on, "status");
    expect([status.code, status.out]).toEqual([1, expect.stringContaining("Try: sudo systemctl start agent")]);
  },
  ENOUGH_MS,
);

realTest(
  "an agent that needs more memory than it may have is killed, and status says how it ended",
  async () => {
    const on = await machine();
    withLines(on, "MemoryMax=8M", "MemorySwapMax=0");
    expect(await on.until(() => Number(on.property(UNIT, "NRestarts")) >= 2)).toBe(true);
    expect(await on.until(() => service(on, "status").out.includes("killed by signal 9"))).toBe(true);
    withLines(on);
    expect(await on.until(() => isUp(on))).toBe(true);
  },
  ENOUGH_MS,
);

realTest(
  "a wrong setting is named; once it is right the service comes up by itself",
  async () => {
    const on = await machine();
    on.run("sh", "-c", "cp /etc/agent/.env /etc/agent/env.s3 && echo AGENT_PUTS=many >> /etc/agent/.env");
    withLines(on);
    expect(await on.until(() => service(on, "status").out.includes("a setting is wrong"))).toBe(true);
    const refused = service(on, "install", "--yes");
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining("Cannot use AGENT_PUTS")]);
    on.run("sh", "-c", "cat /etc/agent/env.s3 > /etc/agent/.env && rm /etc/agent/env.s3");
    expect(await on.until(() => isUp(on))).toBe(true);
  },
  ENOUGH_MS,
);

realTest(
  "a database below a home of a group is let into the service, as a change of the unit",
  async () => {
    const on = await machine();
    mkdirSync(on.path(HOME), { recursive: true });
    const db = new Database(":memory:");
    db.run("CREATE TABLE sensor_readings (id INTEGER PRIMARY KEY, sensor_id TEXT, timestamp TEXT, temperature REAL)");
    db.run("INSERT INTO sensor_readings VALUES (1, 'a', '2026-01-01T00:00:00Z', 20)");
    writeFileSync(on.path(`${HOME}/field.db`), db.serialize());
    db.close();
    on.run("chown", "-R", "root:dialout", HOME);
    chmodSync(on.path(HOME), 0o750);
    chmodSync(on.path(`${HOME}/field.db`), 0o640);
    on.run("sh", "-c", `sed -i 's,^AGENT_SOURCE=.*,AGENT_SOURCE=sqlite:${HOME}/field.db,' /etc/agent/.env`);
    const done = service(on, "install", "--yes");
    expect(done.err).toContain(`+BindReadOnlyPaths=${HOME}`);
    expect(done.err).toContain("+SupplementaryGroups=dialout");
    expect(done.code).toBe(0);
    type Node = { readonly sources: readonly { readonly uri: string; readonly accepted: number }[] };
    const taken = () => {
      const node = on.run("/opt/agent/agent", "status", "--json", "--data-dir", "/var/lib/agent").out;
      const { sources } = (node === "" ? { sources: [] } : JSON.parse(node)) as Node;
      return sources.some(({ uri, accepted }) => uri.startsWith("sqlite:") && accepted === 1);
    };
    expect(await on.until(taken)).toBe(true);
  },
  ENOUGH_MS,
);

realTest(
  "uninstall keeps readings that were not delivered and settings of a person, and says how to delete them",
  async () => {
    const on = await machine();
    const done = service(on, "uninstall", "--yes");
    expect([done.code, done.err]).toEqual([
      0,
      expect.stringMatching(
        /rows in it were not delivered, and it has more than a buffer: lake\. To delete it: sudo rm -r/,
      ),
    ]);
    const left = ["/var/lib/agent/buffer.db", "/etc/agent/.env", DROP_IN];
    expect(left.map((path) => existsSync(on.path(path)))).toEqual([true, true, true]);
    const gone = ["/opt/agent", "/usr/local/bin/agent", `/etc/systemd/system/${UNIT}`];
    expect(gone.map((path) => existsSync(on.path(path)))).toEqual([false, false, false]);
    expect(service(on, "uninstall", "--yes", "--purge").err).toContain("Nothing to do");
    // The next service continues with the same buffer; --purge takes everything.
    expect(service(on, "install", "--yes").code).toBe(0);
    expect(service(on, "uninstall", "--yes", "--purge").code).toBe(0);
    const places = ["/var/lib/agent", "/etc/agent", `/etc/systemd/system/${UNIT}.d`, "/opt/agent"];
    expect(places.map((path) => existsSync(on.path(path)))).toEqual([false, false, false, false]);
    expect(on.run("getent", "passwd", "agent").out).toBe("");
  },
  ENOUGH_MS,
);
