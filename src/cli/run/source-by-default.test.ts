import { expect, test } from "bun:test";
import { resolveSettings } from "../../core/settings/settings.ts";
import { TestNode } from "../../verify/node.suite.ts";
import { sourceByDefault } from "./source-by-default.ts";

test("a start without a source is a warning where the buffer has readings of another one", () => {
  const node = new TestNode();
  try {
    const usual = resolveSettings({});
    expect(sourceByDefault(usual, node.buffer)).toBe(null);
    node.take(10);
    expect(sourceByDefault(usual, node.buffer)).toBe(
      'No source was given, so invented readings of "simulator:" are taken. The buffer has readings of "simulator:?sensors=3"',
    );
    expect(sourceByDefault(resolveSettings({ env: { AGENT_SOURCE: "simulator:" } }), node.buffer)).toBe(null);
  } finally {
    node.end();
  }
});
