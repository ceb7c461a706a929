/** The process around a command: signals, pipes, `.env`. Real processes, with a command made for it. */
import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "agent-process-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a process with one command, `try`, whose body is `run` (of `context`). */
function start(run: string, env: Record<string, string> = {}, cwd = folder) {
  const script = join(folder, `${Bun.hash(run)}.ts`);
  writeFileSync(
    script,
    `import { defineCommand } from ${JSON.stringify(join(import.meta.dir, "command.ts"))};
    import { start } from ${JSON.stringify(join(import.meta.dir, "process.ts"))};
    const run = async (flags, context) => { ${run} };
    const command = defineCommand({ name: "try", summary: "", args: {}, examples: [], run });
    await start(["try"], { try: async () => ({ command }) });`,
  );
  // Like the compiled binary: the engine leaves .env alone.
  return Bun.spawn([process.execPath, "--no-env-file", script], { cwd, env, stdout: "pipe", stderr: "pipe" });
}

/** A stream read piece by piece: `next` is what came at once, `rest` everything up to its end. */
function reading(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const next = async () => {
    const { value } = await reader.read();
    return value === undefined ? "" : new TextDecoder().decode(value);
  };
  const rest = async () => {
    let text = "";
    for (let piece = await next(); piece !== ""; piece = await next()) text += piece;
    return text;
  };
  return { next, rest };
}

const READY = `await context.write("ready");`;
const STOPPED = `await new Promise((done) => context.stop.addEventListener("abort", done));`;
const HANG = `setInterval(() => {}, 1000); await new Promise(() => {});`;

test.skipIf(process.platform === "win32")(
  "a named pipe in the place of .env is refused, and nothing waits for it",
  async () => {
    const cwd = join(folder, "with-pipe");
    mkdirSync(cwd);
    expect(Bun.spawnSync(["mkfifo", join(cwd, ".env")]).exitCode).toBe(0);
    const child = start("return 0;", {}, cwd);
    expect([await child.exited, await reading(child.stderr).rest()]).toEqual([
      2,
      `Cannot read "${join(cwd, ".env")}": it is a named pipe, not a file\nTry: ls -l ${join(cwd, ".env")}\n`,
    ]);
  },
);

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`the first ${signal} asks the command to stop, and its exit code counts`, async () => {
    const child = start(`setInterval(() => {}, 1000); ${READY} ${STOPPED} await context.write("bye"); return 0;`);
    const stdout = reading(child.stdout);
    expect(await stdout.next()).toBe("ready");
    child.kill(signal);
    expect([await child.exited, await stdout.rest()]).toEqual([0, "bye"]);
  });
}

test("the second signal ends the process at once with exit code 1", async () => {
  const child = start(`setInterval(() => {}, 1000); ${READY} ${STOPPED} context.say("stopping"); ${HANG}`);
  const stderr = reading(child.stderr);
  await reading(child.stdout).next();
  child.kill("SIGTERM");
  expect(await stderr.next()).toBe("stopping\n");
  child.kill("SIGINT");
  expect(await child.exited).toBe(1);
  expect(await stderr.rest()).toContain("Everything committed is kept");
});

test("a reader that goes away stops the command without an error", async () => {
  const child = start(`while (!context.stop.aborted) await context.write("x".repeat(65536)); return 0;`);
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  expect([await child.exited, await child.stderr.text()]).toEqual([0, ""]);
});

test("all output arrives, however slowly it is read", async () => {
  const child = start(`for (let i = 0; i < 64; i++) await context.write("y".repeat(65536)); return 0;`);
  expect((await child.stdout.text()).length).toBe(64 * 65_536);
  expect(await child.exited).toBe(0);
});

test("an uncaught error is reported and exits 1, without the secrets of .env", async () => {
  writeFileSync(join(folder, ".env"), "DATABRICKS_TOKEN=dapi-hidden\nAWS_PROFILE=edge\nOTHER=x\n");
  const child = start(`void Promise.reject(new Error("no entry for dapi-hidden")); ${HANG}`);
  expect([await child.exited, await child.stderr.text()]).toEqual([1, "Cannot continue: no entry for ***\n"]);
});

test("the AWS SDK finds the AWS names of .env in the environment; no other name of it gets there", async () => {
  const child = start(
    `const { AWS_PROFILE, OTHER } = process.env; await context.write(JSON.stringify({ AWS_PROFILE, OTHER })); return 0;`,
  );
  expect(await child.stdout.json()).toEqual({ AWS_PROFILE: "edge" });
});
