/** The cursor of an MQTT source: which session it has at the broker, and which messages of it may come again. */
import { boolean, number, oneOf, shortText, text } from "../../core/outside/scalar-shapes.ts";
import { atLeast, storedJson } from "../../core/outside/stored-json.ts";
import type { DeliveriesText } from "./deliveries.ts";

export type MqttCursor = {
  readonly clientId: string;
  readonly isSubscribed: boolean;
  readonly deliveries: DeliveriesText;
};

const count = number({ min: 0, max: 65_535, whole: true });

const CURSOR = atLeast({
  v: oneOf(["1"]),
  client: shortText(256),
  subscribed: boolean,
  ids: text(/^[A-Za-z0-9+/]{0,4096}={0,2}$/, "Base64"),
  again: boolean,
  last: count,
  run: count,
});

export function writeCursor({ clientId, isSubscribed, deliveries }: MqttCursor): string {
  const { ids, usesIdsAgain, last, run } = deliveries;
  return JSON.stringify({ v: "1", client: clientId, subscribed: isSubscribed, again: usesIdsAgain, last, run, ids });
}

/** Null where the text is anything else: then the caller must not guess. */
export function readCursor(cursor: string): MqttCursor | null {
  const found = storedJson(CURSOR, cursor);
  if (found === null) return null;
  const { client, subscribed, ids, again, last, run } = found;
  return { clientId: client, isSubscribed: subscribed, deliveries: { ids, usesIdsAgain: again, last, run } };
}

/** The same for a node and a source as long as the cursor is there, and of another node or source never. */
export function newClientId(nodeId: string, uri: string): string {
  return `agent-${nodeId}-${Bun.SHA256.hash(uri, "hex").slice(0, 8)}`;
}
