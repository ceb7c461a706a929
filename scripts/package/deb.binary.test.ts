/** The Debian package in the hands of the real dpkg, on a copy of this machine's files that is thrown away. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AGENT_BINARY } from "../../src/testing/agent-process.ts";
import { canRun, type Need, testWith } from "../../src/testing/needs.ts";
import { RealSystemd } from "../../src/testing/real-systemd.ts";
import type { Commit } from "./commit.ts";
import { debVersion, writeDeb } from "./deb.ts";

setDefaultTimeout(600_000);
const folder = mkdtempSync(join(tmpdir(), "agent-deb-"));
const NEEDS: readonly Need[] = ["binary", "dpkg on a copy of this machine"];
const packageTest = testWith(...NEEDS);
const target = process.arch === "arm64" ? "linux-arm64" : "linux-x64";

const commitAt = (at: string, digit: string): Commit => ({ hash: digit.repeat(40), at, isChanged: false });
const OLD = commitAt("2026-01-02T03:04:05Z", "b");
const NEW = commitAt("2026-01-02T03:04:06Z", "a");
const debOf = (name: string) => join(folder, name, `agent-${target}.deb`);

/** An overlay over this machine's files: it lasts as long as the process whose namespace it is in. */
const COPY = `
  mount --make-rprivate / && mount -t tmpfs -o size=900m tmpfs "$0"
  mkdir "$0/upper" "$0/work" "$0/root"
  mount -t overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" overlay "$0/root"
  rm -rf "$0/root/opt/agent" "$0/root/etc/agent" "$0/root/var/lib/agent" "$0/root/etc/systemd/system/agent.service"
  mount -t proc proc "$0/root/proc"
  echo ready && exec sleep 100000
`;
let copy: Bun.Subprocess<"ignore", "pipe", "inherit"> | null = null;

beforeAll(async () => {
  if (!canRun(...NEEDS)) return;
  for (const [name, commit] of Object.entries({ old: OLD, new: NEW })) {
    mkdirSync(join(folder, name));
    cpSync(AGENT_BINARY, join(folder, name, `agent-${target}`));
    writeDeb(join(folder, name), target, commit);
  }
  mkdirSync(join(folder, "copy"));
  copy = Bun.spawn(["unshare", "--mount", "bash", "-euc", COPY, join(folder, "copy")], {
    stdin: "ignore",
    stdout: "pipe",
  });
  const { value } = await copy.stdout.getReader().read();
  expect(Buffer.from(value ?? []).toString()).toBe("ready\n");
  const packages = join(folder, "copy/root/media");
  for (const name of ["old", "new"]) {
    expect(await outside(`cat > ${packages}/${name}.deb`, readFileSync(debOf(name)))).toMatchObject({ code: 0 });
  }
});

afterAll(async () => {
  copy?.kill("SIGKILL");
  await copy?.exited;
  rmSync(folder, { recursive: true, force: true });
});

async function outside(script: string, stdin: Uint8Array = new Uint8Array(), root = "/") {
  const enter = ["nsenter", "--target", String(copy?.pid), "--mount", "chroot", root, "sh", "-c", script];
  const child = Bun.spawn(enter, { stdin: Buffer.from(stdin), stdout: "pipe", stderr: "pipe", env: ENV });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out: out.trim(), err: err.trim() };
}
const ENV = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };

const inside = (script: string) => outside(script, undefined, join(folder, "copy/root"));

/** What a command prints, which must succeed. */
async function said(script: string): Promise<string> {
  const { code, out, err } = await inside(script);
  expect([script, code, code === 0 ? "" : err]).toEqual([script, 0, ""]);
  return out;
}

packageTest(
  "the package says what it is, a later commit is a later version, and the same commit the same bytes",
  async () => {
    const info = await said("dpkg-deb --field /media/old.deb Package Version Architecture Depends");
    expect(info.split("\n")).toEqual([
      "Package: agent",
      `Version: ${debVersion(OLD)}`,
      `Architecture: ${target === "linux-x64" ? "amd64" : "arm64"}`,
      "Depends: libc6 (>= 2.17), passwd",
    ]);
    await said(`dpkg --compare-versions ${debVersion(NEW)} gt ${debVersion(OLD)}`);
    const before = readFileSync(debOf("old"));
    writeDeb(join(folder, "old"), target, OLD);
    expect(readFileSync(debOf("old")).equals(before)).toBe(true);
  },
);

packageTest(
  "installed, changed, updated, removed, installed again: settings and readings stay, and the agent works",
  async () => {
    expect(await said("dpkg --install /media/old.deb")).toContain(
      "edit /etc/agent/.env, then: systemctl enable --now agent",
    );
    expect(await said("agent --version | head -n 1; readlink -f /usr/bin/agent")).toMatch(
      /^agent \S+\n\/opt\/agent\/agent$/,
    );
    expect(await said("stat -c '%n %U %a' /etc/agent /etc/agent/.env /var/lib/agent /opt/agent/agent")).toBe(
      [
        "/etc/agent root 755",
        "/etc/agent/.env agent 600",
        "/var/lib/agent agent 700",
        "/opt/agent/agent root 755",
      ].join("\n"),
    );
    expect(await said("dpkg --verify agent")).toBe("");
    // As the unit starts it: this user, this working directory, and the data dir that the unit says.
    const run = (flags: string) =>
      `cd /etc/agent && AGENT_DATA_DIR=/var/lib/agent setpriv --reuid agent --regid agent --clear-groups agent ${flags}`;
    const source = "--source 'simulator:?count=300&rate=max'";
    expect((await inside(run(`run ${source} --once`))).err).toContain("Everything was delivered");
    await said(
      "echo AGENT_LOG=warn >> /etc/agent/.env; echo '{}' > /etc/agent/rules/mine.json; cp /opt/agent/agent /opt/agent/agent.previous",
    );
    const before = await said("cat /etc/agent/.env | md5sum; ls -i /var/lib/agent/buffer.db");

    expect(await said("dpkg --install /media/new.deb")).not.toContain("edit /etc/agent/.env");
    expect(await said("dpkg-query -s agent | sed -n 's/^Version: //p'")).toBe(debVersion(NEW));
    expect(await said("cat /etc/agent/.env | md5sum; ls -i /var/lib/agent/buffer.db")).toBe(before);

    await said("ln -s /usr/lib/systemd/system/agent.service /etc/systemd/system/multi-user.target.wants/");
    await said("dpkg --remove agent");
    expect(
      await said(
        "ls -d /opt/agent /usr/bin/agent /etc/systemd/system/multi-user.target.wants/agent.service 2>/dev/null || true",
      ),
    ).toBe("");
    expect(await said("cat /etc/agent/.env | md5sum; ls -i /var/lib/agent/buffer.db; ls /etc/agent/rules")).toBe(
      `${before}\nmine.json`,
    );

    await said("dpkg --install /media/new.deb && rm /etc/agent/rules/mine.json");
    expect(await said("cat /etc/agent/.env | md5sum; ls -i /var/lib/agent/buffer.db")).toBe(before);
    const verified = JSON.parse(await said(run("verify --deep --json")));
    expect(verified).toMatchObject({ ok: true, epochs: [{ accepted: 300 }] });

    const purged = await inside("dpkg --purge agent");
    expect([purged.code, purged.err]).toEqual([0, expect.stringContaining("kept /var/lib/agent with its readings")]);
    expect(
      await said(
        "ls -d /etc/agent /opt/agent 2>/dev/null; getent passwd agent | cut -d: -f1; ls /var/lib/agent/buffer.db",
      ),
    ).toBe("agent\n/var/lib/agent/buffer.db");
  },
);

packageTest("purged without readings, nothing of it stays", async () => {
  await said("rm -rf /var/lib/agent; dpkg --install /media/old.deb && dpkg --purge agent");
  const left =
    "ls -d /etc/agent /opt/agent /var/lib/agent /usr/share/agent /usr/bin/agent 2>/dev/null; getent passwd agent; true";
  expect(await said(left)).toBe("");
});

testWith(...NEEDS, "a systemd of its own")(
  "systemd runs the package's unit: an update restarts the agent, a removal ends it, and each reading is there once",
  async () => {
    const systemd = await RealSystemd.start(AGENT_BINARY);
    const run = (...command: readonly string[]) => {
      const { code, out, err } = systemd.run(...command);
      expect([command, code, code === 0 ? "" : err]).toEqual([command, 0, ""]);
      return `${out}${err}`;
    };
    const pid = () => systemd.property("agent.service", "MainPID");
    const accepted = () => systemd.property("agent.service", "StatusText").includes("readings accepted");
    try {
      for (const name of ["old", "new"]) cpSync(debOf(name), systemd.path(`/media/${name}.deb`));
      run("dpkg", "--install", "/media/old.deb");
      expect(systemd.property("agent.service", "ActiveState")).toBe("inactive");
      run("systemctl", "enable", "--now", "agent");
      expect(await systemd.until(accepted)).toBe(true);
      const before = pid();
      run("dpkg", "--install", "/media/new.deb");
      expect(await systemd.until(() => !["0", before].includes(pid()) && accepted())).toBe(true);
      expect(run("agent", "service", "status")).toContain("running");
      expect(systemd.run("/usr/bin/agent", "service", "install", "--yes").err).toContain("a package brought its unit");
      run("dpkg", "--remove", "agent");
      expect(systemd.property("agent.service", "MainPID")).toBe("0");
      expect(systemd.run("systemctl", "is-enabled", "agent").code).not.toBe(0);
      const verified = run(
        "/usr/local/src/agent",
        "verify",
        "--data-dir",
        "/var/lib/agent",
        "--store",
        "dir:/var/lib/agent/lake",
        "--json",
      );
      expect(JSON.parse(verified)).toMatchObject({ ok: true });
    } finally {
      await systemd.end();
    }
  },
);
