/** Data dirs that were restored, cloned or moved, with the compiled binary: no reading is lost, and no id names two. */
import { afterAll, beforeEach, expect } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { between, hashAt } from "../../core/random.ts";
import { testWith } from "../../testing/needs.ts";

const BINARY = join(import.meta.dir, "../../../dist/agent");
const binaryTest = testWith("binary");
const steadyTest = testWith("binary", "a file system that numbers its files");
const root = mkdtempSync(join(tmpdir(), "agent-copied-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder = root;
beforeEach(() => {
  folder = mkdtempSync(join(root, "case-"));
});

type Env = Readonly<Record<string, string>>;
const MACHINE_A = { AGENT_MACHINE_ID: "board-a" };
const S3_ENV = {
  AGENT_NODE_ID: "edge-1",
  AWS_REGION: "us-west-2",
  AWS_ACCESS_KEY_ID: "test-key",
  AWS_SECRET_ACCESS_KEY: "test-secret-key",
};
const MACHINE_B = { AGENT_MACHINE_ID: "board-b" };

function agent(argv: readonly string[], env: Env = MACHINE_A, stdin?: string) {
  const done = Bun.spawnSync([BINARY, ...argv], {
    cwd: folder,
    env: { AGENT_NODE_ID: "edge-1", AGENT_HEARTBEAT: "off", ...env },
    stdin: stdin === undefined ? "ignore" : new TextEncoder().encode(stdin),
  });
  return { code: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
}

/** Readings of one sensor, a second apart; `tag` is in each, so that a row shows who took it. */
function readings(tag: string, count: number): string {
  const from = Date.parse("2026-03-01T08:00:00Z");
  return Array.from({ length: count }, (_, i) =>
    JSON.stringify({ sensor_id: tag, timestamp: new Date(from + 1_000 * i).toISOString(), temperature: 20 + (i % 7) }),
  ).join("\n");
}

function take(dataDir: string, tag: string, count: number, env: Env = MACHINE_A) {
  const ran = agent(["run", "--once", "--source", "stdin:", "--data-dir", dataDir], env, readings(tag, count));
  expect([ran.code, ran.code === 0 ? "" : ran.stderr, ran.stderr.includes("ERROR")]).toEqual([0, "", false]);
  return ran;
}

type LakeRow = {
  readonly reading_id: string;
  readonly node_id: string;
  readonly sensor_id: string;
  readonly timestamp: string;
  readonly window_id: string;
  readonly revision: number;
  readonly record_count: number;
};

function rowsOf(stage: string): LakeRow[] {
  const bucket = join(folder, "lake", `expanso-${stage}-data-us-west-2`);
  const names = readdirSync(bucket, { recursive: true }) as string[];
  return names
    .filter((name) => name.endsWith(".json.gz"))
    .flatMap((name) =>
      gunzipSync(readFileSync(join(bucket, name)))
        .toString()
        .trim()
        .split("\n"),
    )
    .map((line) => JSON.parse(line) as LakeRow);
}

const distinct = (rows: readonly LakeRow[], of: (row: LakeRow) => string) => new Set(rows.map(of)).size;
const taken = ({ sensor_id, timestamp }: LakeRow) => `${sensor_id} ${timestamp}`;

function expectEach(count: number) {
  for (const stage of ["raw", "validated", "schematized"]) {
    const rows = rowsOf(stage);
    expect([stage, distinct(rows, taken), distinct(rows, (row) => row.reading_id), rows.length]).toEqual([
      stage,
      count,
      count,
      count,
    ]);
  }
}

type StatusJson = {
  readonly epoch: string;
  readonly problems: readonly { readonly code: string; readonly message: string }[];
};
const status = (dataDir: string, env?: Env) =>
  JSON.parse(agent(["status", "--json", "--data-dir", dataDir], env).stdout) as StatusJson;
const codes = ({ problems }: StatusJson) => problems.map(({ code }) => code);

type Verified = {
  readonly ok: boolean;
  readonly epochs: readonly { readonly epoch: string; readonly accepted: number }[];
};
function verified(dataDir: string, env?: Env): Verified {
  const ran = agent(["verify", "--deep", "--json", "--data-dir", dataDir], env);
  const found = JSON.parse(ran.stdout) as Verified;
  expect([ran.code, found.ok]).toEqual([0, true]);
  return found;
}

/** As a copy is made: no file of it is the old one. */
function copy(from: string, to: string) {
  rmSync(join(folder, to), { recursive: true, force: true });
  cpSync(join(folder, from), join(folder, to), { recursive: true, preserveTimestamps: true });
}

steadyTest("a data dir that was restored from a snapshot begins a new epoch, and loses nothing", () => {
  take("data", "one", 500);
  copy("data", "snapshot");
  take("data", "two", 300);
  copy("snapshot", "data");
  const { stderr } = take("data", "three", 300);
  expectEach(1_100);
  expect(stderr).toContain("The data dir was moved, restored or cloned");
  expect(codes(status("data"))).toEqual(["data_dir_copied"]);
  const { epochs } = verified("data");
  expect(epochs.map(({ accepted }) => accepted)).toEqual([300, 500]);
  // It is noticed once.
  expect(take("data", "four", 10).stderr).not.toContain("moved, restored or cloned");
  expect(verified("data").epochs.map(({ accepted }) => accepted)).toEqual([310, 500]);
});

binaryTest("an older buffer alone, put back beside the newer files of the data dir, is noticed by them", () => {
  take("data", "one", 500);
  copy("data", "snapshot");
  take("data", "two", 300);
  for (const name of readdirSync(join(folder, "snapshot")).filter((name) => name.startsWith("buffer.db"))) {
    cpSync(join(folder, "snapshot", name), join(folder, "data", name));
  }
  const { stderr } = take("data", "three", 300);
  expect(stderr).toContain("moved, restored or cloned");
  expectEach(1_100);
  verified("data");
});

for (const nodes of [
  ["edge-1", "edge-1"],
  ["edge-1", "edge-2"],
] as const) {
  const named = nodes[0] === nodes[1] ? "one node id" : "two node ids";
  binaryTest(`one image on two boards with ${named}: each board has an epoch of its own`, () => {
    take("image", "factory", 500);
    copy("image", "a");
    copy("image", "b");
    const a = { AGENT_MACHINE_ID: "board-a", AGENT_NODE_ID: nodes[0] };
    const b = { AGENT_MACHINE_ID: "board-b", AGENT_NODE_ID: nodes[1] };
    take("a", "a", 500, a);
    take("b", "b", 500, b);
    expectEach(1_500);
    expect(status("a", a).epoch).not.toBe(status("b", b).epoch);
    verified("a", a);
    verified("b", b);
  });
}

binaryTest("verify reports two agents that were at work under one name, and not one that followed another", () => {
  const [one, two] = [{ AGENT_MACHINE_ID: "board-a" }, { AGENT_MACHINE_ID: "board-b" }];
  take("a", "first", 100, one);
  take("b", "second", 100, two);
  const text = (dataDir: string, env: Env) => agent(["verify", "--data-dir", dataDir], env);
  const followed = text("b", two);
  expect([followed.code, followed.stdout.includes("two agents")]).toEqual([0, false]);
  expect(followed.stdout).toContain("whose buffer is not here");
  take("a", "third", 100, one);
  take("b", "fourth", 100, two);
  for (const [dataDir, env] of [
    ["a", one],
    ["b", two],
  ] as const) {
    const { code, stdout } = text(dataDir, env);
    expect([code, stdout.includes("two agents were at work under this name")]).toEqual([0, true]);
  }
});

binaryTest("what is no copy begins no epoch: a restart, another name of the folder, another host name", () => {
  take("data", "one", 100);
  const { epoch } = status("data");
  renameSync(join(folder, "data"), join(folder, "moved"));
  take("moved", "two", 100, { ...MACHINE_A, HOSTNAME: "renamed" });
  // Nothing distinguishes this machine: nothing proves that it is another one.
  take("moved", "three", 100, {});
  expect([status("moved").epoch, codes(status("moved"))]).toEqual([epoch, []]);
  expect(verified("moved").epochs.length).toBe(1);
});

/** A run that cannot deliver, killed when it has promised what it can; the rest of its readings are not promised. */
async function runAway(): Promise<void> {
  const away = Bun.spawn([BINARY, "run", "--source", "simulator:?sensors=2&rate=100&seed=4", "--data-dir", "data"], {
    cwd: folder,
    env: {
      ...MACHINE_A,
      ...S3_ENV,
      AGENT_STORE: "s3:",
      AGENT_BATCH_ROWS: "100",
      AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  for await (const chunk of away.stderr) {
    told += new TextDecoder().decode(chunk);
    if (told.includes("uplink_down")) break;
  }
  await Bun.sleep(1_500);
  away.kill("SIGKILL");
  await away.exited;
}

binaryTest("a data dir on another machine is noticed, and its promised batches keep their keys", async () => {
  await runAway();
  const { stderr } = take("data", "b", 50, MACHINE_B);
  expect(stderr).toContain("it was last open on another machine");
  const rows = rowsOf("raw");
  const { epochs } = verified("data", MACHINE_B);
  expect(epochs.length).toBe(2);
  expect(rows.length).toBe(epochs.reduce((sum, { accepted }) => sum + accepted, 0));
  expect(distinct(rows, (row) => row.reading_id)).toBe(rows.length);
  for (const { epoch, accepted } of epochs) {
    expect(rows.filter((row) => row.reading_id.startsWith(`${epoch}-`)).length).toBe(accepted);
  }
});

for (const batchRows of ["70", "20000"]) {
  binaryTest(
    `what the store has of the old epoch is not sent again under the new one (batches of ${batchRows})`,
    async () => {
      await runAway();
      copy("data", "snapshot");
      // The other copy delivers what both hold, and more, in ranges of its own.
      take("data", "more", 30, { ...MACHINE_A, AGENT_BATCH_ROWS: batchRows });
      const before = rowsOf("raw").length;
      const { stderr } = take("snapshot", "b", 50, MACHINE_B);
      expect(stderr).toContain("copied_readings_found");
      for (const stage of ["raw", "schematized"]) {
        const rows = rowsOf(stage);
        expect([stage, distinct(rows, taken)]).toEqual([stage, rows.length]);
      }
      expect(rowsOf("raw").length).toBe(before + 50);
      expect(records()).toBe(rowsOf("validated").length);
      verified("snapshot", MACHINE_B);
      verified("data");
    },
  );
}

binaryTest("a stop while a silent store is asked ends at once, and the next start asks again", async () => {
  await runAway();
  copy("data", "snapshot");
  take("data", "more", 30);
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const asking = Bun.spawn([BINARY, "run", "--source", "stdin:", "--store", "s3:", "--data-dir", "snapshot"], {
    cwd: folder,
    env: { ...MACHINE_B, ...S3_ENV, AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${silent.port}` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let told = "";
  for await (const chunk of asking.stderr) {
    told += new TextDecoder().decode(chunk);
    if (told.includes("data_dir_copied")) break;
  }
  await Bun.sleep(500);
  const from = performance.now();
  asking.kill("SIGTERM");
  // Much less than the ten seconds that the store has for its answer.
  expect([await asking.exited, performance.now() - from < 5_000]).toEqual([0, true]);
  silent.stop(true);
  const { stderr } = take("snapshot", "b", 50, MACHINE_B);
  expect([stderr.includes("moved, restored or cloned"), stderr.includes("copied_readings_found")]).toEqual([
    false,
    true,
  ]);
  const rows = rowsOf("raw");
  expect(distinct(rows, taken)).toBe(rows.length);
  verified("snapshot", MACHINE_B);
});

/** The readings in the newest revisions of all windows. */
function records(): number {
  const windows = new Map<string, { readonly revision: number; readonly count: number }>();
  for (const { window_id, sensor_id, revision, record_count } of rowsOf("aggregated")) {
    const id = `${window_id} ${sensor_id}`;
    if (revision >= (windows.get(id)?.revision ?? 0)) windows.set(id, { revision, count: record_count });
  }
  return [...windows.values()].reduce((sum, { count }) => sum + count, 0);
}

const TOTAL = 6_000;
const LIVES = 12;

binaryTest(
  "kill -9 in the middle of the change, again and again on ever new copies: every reading is there once",
  async () => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 100_000);
    const at = `SEED=${seed}`;
    const source = `simulator:?sensors=3&rate=max&count=${TOTAL}&seed=9`;
    const argv = ["run", "--once", "--source", source, "--data-dir", "data"];
    // Each life is on another machine: the test needs no file system that numbers its files.
    const board = (life: number) => ({ AGENT_MACHINE_ID: `board-${life}` });
    for (let life = 0; life < LIVES; life++) {
      const killed = Bun.spawn([BINARY, ...argv], {
        cwd: folder,
        env: {
          ...board(life),
          AGENT_NODE_ID: "edge-1",
          AGENT_HEARTBEAT: "off",
          AGENT_COMMIT_ROWS: "50",
          AGENT_BATCH_ROWS: "200",
        },
        stdio: ["ignore", "ignore", "pipe"],
      });
      // Half of them die about when they have said the first word, which is that the data dir was copied.
      if (life % 2 === 1) await killed.stderr.getReader().read();
      // The first leaves something to copy, however slow the machine is.
      while (life === 0 && !existsSync(join(folder, "lake"))) await Bun.sleep(10);
      await Bun.sleep(between(hashAt(seed, life), 0, 200));
      killed.kill("SIGKILL");
      await killed.exited;
      if (!existsSync(join(folder, "data", "buffer.db"))) continue;
      copy("data", "copy");
      rmSync(join(folder, "data"), { recursive: true });
      renameSync(join(folder, "copy"), join(folder, "data"));
    }
    const last = agent(argv, board(LIVES));
    expect([at, last.code]).toEqual([at, 0]);
    const rows = rowsOf("raw");
    expect([at, distinct(rows, taken), distinct(rows, (row) => row.reading_id), rows.length]).toEqual([
      at,
      TOTAL,
      TOTAL,
      TOTAL,
    ]);
    const { epochs } = verified("data");
    expect([at, epochs.length > 1, epochs.reduce((sum, { accepted }) => sum + accepted, 0)]).toEqual([at, true, TOTAL]);
    // A window's rows are spread over its epochs, each reading in one of them.
    const counted = records();
    expect([at, counted]).toEqual([at, rowsOf("validated").length]);
  },
  300_000,
);
