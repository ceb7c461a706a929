/** `verify`, `lake` and `query` over a bad line to a real S3 server: what they say is what is there. */
import { expect } from "bun:test";
import { STAGES } from "../../core/stage.ts";
import { startFaultyProxy } from "../../testing/faulty-proxy.ts";
import { testWith } from "../../testing/needs.ts";
import { startS3Server } from "../../testing/s3-server.ts";
import { openStore } from "../../uplink/open-store.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { see } from "../frame/command-line.suite.ts";
import { COMMANDS } from "../frame/commands.ts";
import { ALL_IS_WELL } from "./text.ts";

testWith("versitygw")(
  "a line that fails half of all requests changes no answer",
  async () => {
    const server = await startS3Server("versitygw");
    const node = new TestNode();
    const line = await startFaultyProxy({ upstream: server.endpoint, seed: 7, faults: {} });
    try {
      await server.createBuckets("acme");
      const place = { prefix: "acme", region: server.region, env: server.env, putTimeoutMs: 60_000 };
      await node.takeAndDeliver(await openStore("s3:", place), 300);
      line.setFaults({ unavailable: 0.3, reset: 0.2 });
      const own = { AGENT_STORE: "s3:", AGENT_DATA_DIR: ".", S3_BUCKET_PREFIX: "acme" };
      const env = { ...server.env, ...own, AWS_ENDPOINT_URL_S3: line.url };
      const seen = (...argv: string[]) => see(argv, COMMANDS, { env, cwd: node.dataDir });
      const verified = await seen("verify", "--deep");
      expect([verified.code, verified.stdout.endsWith(`\n${ALL_IS_WELL}\n`)]).toEqual([0, true]);
      const lake = await seen("lake", "ls", "--json");
      expect([lake.code, (JSON.parse(lake.stdout) as { rows: number }[])[0]?.rows]).toEqual([0, 300]);
      const asked = await seen("query", "--local", "SELECT count(*) AS n FROM sensor_readings_ingestion", "--json");
      expect([asked.code, (JSON.parse(asked.stdout) as { rows: unknown }).rows]).toEqual([0, [{ n: 300 }]]);
      const { unavailable, reset } = line.counts();
      expect([unavailable > 0, reset > 0]).toEqual([true, true]);
      for (const stage of STAGES) expect(verified.stdout).toContain(stage);
    } finally {
      await line.stop();
      await server.stop();
      node.end();
    }
  },
  300_000,
);
