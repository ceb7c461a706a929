import { describe, expect, test } from "bun:test";
import { canRun } from "./needs.ts";
import { SERVER_KINDS, startS3Server } from "./s3-server.ts";

for (const kind of SERVER_KINDS) {
  describe.skipIf(!canRun(kind))(kind, () => {
    test("answers when started, has its buckets, and is gone when stopped", async () => {
      const server = await startS3Server(kind);
      await server.createBuckets("acme");
      expect((await fetch(server.endpoint)).status).toBeGreaterThanOrEqual(200);
      await server.stop();
      expect(await fetch(server.endpoint).catch(() => "gone")).toBe("gone");
    }, 600_000);

    test("dies with the process that started it, even by kill -9", async () => {
      const script = `import { startS3Server } from "${import.meta.dir}/s3-server.ts";
        console.log((await startS3Server("${kind}")).endpoint); await new Promise(() => {});`;
      const owner = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
      const { value } = await owner.stdout.getReader().read();
      const endpoint = new TextDecoder().decode(value).trim();
      expect((await fetch(endpoint)).status).toBeGreaterThanOrEqual(200);
      owner.kill("SIGKILL");
      while ((await fetch(endpoint).catch(() => null)) !== null);
    }, 600_000);
  });
}
