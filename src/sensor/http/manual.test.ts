/**
 * The page of sources says what the code does: its limits, and the requests of its examples. In the page, ```json map is followed by
 * ```http METHOD TARGET CONTENT-TYPE with the body, and by ```json readings; a reading without a timestamp has the time of arrival.
 */
import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { BlockReading } from "../../testing/block-readings.ts";
import { plain } from "../../testing/mapped-lines.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { KEY_LIMITS } from "./keys.ts";
import { HTTP_LIMITS } from "./limits.ts";
import { HttpRig, NOW } from "./rig.suite.ts";

const PAGE = readFileSync(join(import.meta.dir, "../../../docs/sources.md"), "utf8");
const rigs: HttpRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.source.close();
});

const EXAMPLES = [
  ...PAGE.matchAll(
    /^```json map\n([^`]*)^```\n```http (\w+) (\S+) ?(\S*)\n([\s\S]*?)```\n```json readings\n([\s\S]*?)^```$/gm,
  ),
];

for (const [, map = "", method = "", target = "", type = "", body = "", readings = ""] of EXAMPLES) {
  test(`${method} ${target} gives the readings that the page shows`, async () => {
    const mapping = parseMapping(map, "docs/sources.md", [loadProfile("environmental")]);
    // A client of InfluxDB knows only the server, and adds the path.
    const path = target.startsWith("/api/") ? "/" : (target.split("?")[0] ?? "");
    const rig = new HttpRig({ uri: `http://:0${path}?get=true`, mapping });
    rigs.push(rig);
    const { origin } = new URL(await rig.listen());
    const headers = type === "" ? {} : { "content-type": type };
    const init = method === "get" ? {} : { method: "POST", body, headers };
    expect((await fetch(`${origin}${target}`, init)).ok).toBe(true);
    const expected = readings
      .trim()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
    expect(rig.readings.map(shown)).toEqual(
      expected.map((reading) => Object.assign({ timestamp: new Date(NOW).toISOString() }, reading)),
    );
  });
}

function shown(reading: BlockReading): object {
  const read = plain(reading);
  const { extra } = read;
  return typeof extra === "string" ? Object.assign(read, { extra: JSON.parse(extra) }) : read;
}

test("the page has examples, and the limits as they are", () => {
  expect(EXAMPLES.length).toBeGreaterThan(4);
  const { connections, waitingRequests, headBytes, idleMs, answerMs, headMs, bodyMs, untakenMs } = HTTP_LIMITS;
  for (const said of [
    `${connections} connections, ${waitingRequests} requests that wait`,
    `at most ${headBytes / 1_024} KiB`,
    `closed after ${idleMs / 1_000} s`,
    `at most ${answerMs / 1_000} s for the commit`,
    `it waits ${untakenMs / 1_000} s`,
    `took more than ${headMs / 1_000} s, or the request more than ${bodyMs / 1_000} s`,
    `for ${KEY_LIMITS.ms / 3_600_000} hours, the last ${KEY_LIMITS.keys.toLocaleString("en")}`,
    `1 to ${KEY_LIMITS.characters} visible characters`,
  ]) {
    expect(PAGE.replace(/\s+/g, " ")).toContain(said);
  }
});
