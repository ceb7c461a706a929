/** The suite of the port, and what is S3's own, against real servers. */
import { expect, test } from "bun:test";
import { findS3Server, type S3Server, SERVER_KINDS, type ServerKind, startS3Server } from "../testing/s3-server.ts";
import { describeObjectStore } from "./object-store.suite.ts";
import { openS3Store } from "./s3.ts";

const MANY: Record<ServerKind, { objects: number; pageSize: number }> = {
  versitygw: { objects: 1_100, pageSize: 1_000 },
  // Forty times slower than S3 itself: pages that are smaller, to be as many.
  moto: { objects: 120, pageSize: 50 },
};

for (const kind of SERVER_KINDS) {
  if (findS3Server(kind) === null) {
    const isWanted = process.env["AGENT_TEST_S3"] === "1";
    test.skipIf(!isWanted)(`store in S3, on ${kind}: SKIPPED, not installed (run scripts/setup-servers)`, () => {
      expect(findS3Server(kind)).not.toBeNull();
    });
    continue;
  }
  let server: S3Server;
  describeObjectStore(`store in S3, on ${kind}`, {
    open: async () => {
      server = await startS3Server(kind);
      await server.createBuckets("acme");
      const { pageSize } = MANY[kind];
      return await openS3Store({
        prefix: "acme",
        region: server.region,
        env: server.env,
        putTimeoutMs: 20_000,
        pageSize,
      });
    },
    stop: () => server.stop(),
    manyObjects: MANY[kind].objects,
    timeoutMs: 60_000,
  });
}
