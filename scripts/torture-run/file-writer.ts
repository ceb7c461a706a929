/**
 * The other process: appends lines to the files of a folder, and rotates them, while the agent reads.
 *
 *   bun scripts/torture-run/file-writer.ts FOLDER SEED
 *
 * Each line on stdin is a number of lines; it writes up to that, and ends when stdin does. Line `n` is of one of three logs: the first is
 * rotated by rename, the second by copy and truncation, the third has a new file now and then. Rotated files are packed one by one.
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { seededRandom } from "../../src/core/random.ts";
import { fileLine } from "./file-lines.ts";
import { WriterLimit } from "./writer-limit.ts";

const [folder = "", seedText = "1"] = process.argv.slice(2);
const random = seededRandom(Number(seedText));
const LINES_MOST = 60;
const PAUSE_MS = 12;

const limit = new WriterLimit();

const at = (name: string) => join(folder, name);
const pause = () => Bun.sleep(random() * PAUSE_MS);
mkdirSync(folder, { recursive: true });
let day = 0;
const logs = [
  { name: "renamed.log", rotate: () => renameOver("renamed.log") },
  { name: "copied.log", rotate: () => copyOver("copied.log") },
  { name: "day-0.ndjson", rotate: () => day++ },
];

let written = 0;
for (;;) {
  if (!(await limit.allowsMoreThan(written))) break;
  const chosen = Math.floor(random() * logs.length);
  const log = logs[chosen]!;
  const until = Math.min(limit.allowed, written + 1 + Math.floor(random() * LINES_MOST));
  let text = "";
  for (let n = written; n < until; n++) text += fileLine(n);
  const name = chosen === 2 ? `day-${day}.ndjson` : log.name;
  // Two writes, as of a buffer that is full in the middle of a line.
  const cut = Math.floor(random() * text.length);
  appendFileSync(at(name), text.slice(0, cut));
  if (random() < 0.5) await pause();
  appendFileSync(at(name), text.slice(cut));
  written = until;
  if (random() < 0.2) log.rotate();
  if (random() < 0.1) await packOne();
  await pause();
}
await limit.ended;

/** `x.log.1` becomes `x.log.2`, and so on, the highest first. */
function shift(name: string): void {
  const rotated = readdirSync(folder)
    .flatMap((file) => {
      const found = new RegExp(`^${name.replace(".", "\\.")}\\.(\\d+)(\\.gz)?$`).exec(file);
      return found === null ? [] : [{ file, number: Number(found[1]), end: found[2] ?? "" }];
    })
    .sort((a, b) => b.number - a.number);
  for (const { file, number, end } of rotated) renameSync(at(file), at(`${name}.${number + 1}${end}`));
}

function renameOver(name: string): void {
  if (!existsSync(at(name))) return;
  shift(name);
  renameSync(at(name), at(`${name}.1`));
  if (random() < 0.5) writeFileSync(at(name), "");
}

function copyOver(name: string): void {
  if (!existsSync(at(name))) return;
  shift(name);
  copyFileSync(at(name), at(`${name}.1`));
  truncateSync(at(name));
}

/** As gzip does it: the packed file grows beside the other one, which is deleted at the end. */
async function packOne(): Promise<void> {
  const plain = readdirSync(folder).filter((file) => /\.log\.\d+$/.test(file));
  const name = plain[Math.floor(random() * plain.length)];
  if (name === undefined) return;
  const packed = gzipSync(readFileSync(at(name)));
  const half = Math.floor(random() * packed.length);
  writeFileSync(at(`${name}.gz`), packed.subarray(0, half));
  await pause();
  appendFileSync(at(`${name}.gz`), packed.subarray(half));
  unlinkSync(at(name));
}
