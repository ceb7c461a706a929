/**
 * The page of sources says what becomes of messages. In the page, ```json map is followed by ```mqtt TOPIC with the payload, and by ```json
 * readings; a reading without a timestamp has the time of arrival.
 */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ReadingBlock } from "../../core/reading.ts";
import { SensorCatalogue } from "../../core/sensor.ts";
import { readingsOf } from "../../testing/block-readings.ts";
import { plain } from "../../testing/mapped-lines.ts";
import { parseMapping } from "../map/map-file.ts";
import { loadProfile } from "../profile/shipped.ts";
import { Normalizer } from "../row/normalize.ts";
import { NAMED_MOST, UNANSWERED_MOST } from "./deliveries.ts";
import type { Message } from "./frames.ts";
import { MessageRows } from "./message-rows.ts";
import { ONCE_IDLE_MS } from "./mqtt.ts";
import { QUEUE } from "./queue.ts";

const PAGE = readFileSync(join(import.meta.dir, "../../../docs/sources.md"), "utf8");
const NOW = Date.UTC(2026, 10, 30);
const EXAMPLES = [
  ...PAGE.matchAll(/^```json map\n([^`]*)^```\n```mqtt (\S+)\n([\s\S]*?)\n```\n```json readings\n([\s\S]*?)^```$/gm),
];

for (const [, map = "", topic = "", payload = "", readings = ""] of EXAMPLES) {
  test(`a message of ${topic} gives the readings that the page shows`, () => {
    const profile = loadProfile("environmental");
    const catalogue = new SensorCatalogue();
    const mapping = parseMapping(map, "docs/sources.md", [profile]);
    const rows = new MessageRows(new Normalizer({ catalogue, profile, mapping }));
    const block = new ReadingBlock(10);
    rows.context = { "@topic": topic };
    const bytes = Buffer.from(payload);
    rows.append(block, { payload: bytes, length: bytes.length } as Message, NOW);
    const expected = readings
      .trim()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
    const shown = readingsOf(block, catalogue).map((reading) => {
      const read = plain(reading);
      const { extra } = read;
      return typeof extra === "string" ? Object.assign(read, { extra: JSON.parse(extra) }) : read;
    });
    expect(shown).toEqual(
      expected.map((reading) => Object.assign({ timestamp: new Date(NOW).toISOString() }, reading)),
    );
  });
}

test("the page has examples, and the limits as they are", () => {
  expect(EXAMPLES.length).toBeGreaterThan(2);
  for (const said of [
    `At most ${QUEUE.messages.toLocaleString("en")} messages and ${QUEUE.bytes / 1_048_576} MiB wait`,
    `${UNANSWERED_MOST.toLocaleString("en")} are\nunanswered (${NAMED_MOST} at first)`,
    `no message came for ${ONCE_IDLE_MS / 1_000} s`,
  ]) {
    expect(PAGE).toContain(said);
  }
});
