/** `jobs/status.yaml` and `jobs/verify.yaml` on a device with the compiled agent: one line, read-only, beside a running agent. */
import { afterEach, expect } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { AGENT_BINARY, AgentProcess } from "../agent-process.ts";
import { testWith } from "../needs.ts";
import { Device } from "./device.ts";

const devices: Device[] = [];
afterEach(() => {
  for (const device of devices.splice(0)) device.end();
});

testWith("binary", "a user who is root", "small disks")(
  "one line a node: without a buffer, beside a running agent, and after its end",
  async () => {
    const device = new Device();
    devices.push(device);
    for (const place of ["/opt/agent", "/etc/agent", "/var/lib/agent"])
      mkdirSync(device.at(place), { recursive: true });
    copyFileSync(AGENT_BINARY, device.at("/opt/agent/agent"));
    writeFileSync(device.at("/etc/agent/.env"), "AGENT_STORE=dir:/var/lib/agent/lake\nAGENT_NODE_ID=edge-7\n", {
      mode: 0o600,
    });
    const line = async (job: string) => {
      const { code, out } = await device.run(job, {});
      const [first = "", ...more] = out.trimEnd().split("\n");
      expect(first.length).toBeLessThan(300);
      // The container may only read: that is no trouble of the agent.
      expect(first).not.toContain("data_dir");
      return { code, first, more };
    };
    expect(await line("status.yaml")).toMatchObject({ code: 2, first: expect.stringMatching(/^edge-7 missing /) });
    expect(await line("verify.yaml")).toMatchObject({ code: 2, first: expect.stringMatching(/^edge-7 unknown /) });

    const agent = new AgentProcess({
      args: ["run", "--source", "simulator:?sensors=2&rate=5", "--data-dir", device.at("/var/lib/agent")],
      cwd: device.at("/etc/agent"),
      env: { AGENT_STORE: `dir:${device.at("/var/lib/agent/lake")}` },
    });
    // Until the agent's first report.
    for (;;) {
      const { first } = await line("status.yaml");
      if (/^edge-7 ok .* lost=0 uplink=up /.test(first)) break;
      await Bun.sleep(200);
    }
    const healthy = await line("status.yaml");
    expect(healthy).toMatchObject({ code: 0, first: expect.stringMatching(/^edge-7 ok version=\S+ /), more: [] });
    const verified = await line("verify.yaml");
    expect(verified).toMatchObject({ code: 0, first: expect.stringMatching(/^edge-7 ok accepted=\d+ /), more: [] });
    agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
    expect(await line("status.yaml")).toMatchObject({
      code: 0,
      first: expect.stringMatching(/^edge-7 stopped /),
      more: [],
    });
    expect(await line("verify.yaml")).toMatchObject({ code: 0, first: expect.stringMatching(/^edge-7 ok /), more: [] });
  },
  300_000,
);
