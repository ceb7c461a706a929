import { expect, test } from "bun:test";
import type { Lake } from "../lake/lake.ts";
import { jobSettings } from "./job.ts";
import { shippedNotebook } from "./shipped-notebook.ts";

test("a load that stops is tried again by itself, never two at a time, and not for ever", () => {
  const lake = { catalog: "c", schema: "s", naming: { prefix: "acme", region: "eu-west-1" } } as Lake;
  const settings = jobSettings(lake, shippedNotebook(), null);
  const [task, ...others] = settings["tasks"] as Record<string, unknown>[];
  expect(others).toEqual([]);
  expect(task).toMatchObject({ max_retries: 2, retry_on_timeout: false });
  expect(settings).toMatchObject({ max_concurrent_runs: 1, queue: { enabled: true }, timeout_seconds: 14_400 });
});
