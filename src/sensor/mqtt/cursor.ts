/** The cursor of an MQTT source: which session it has at the broker, and which messages of it may come again. */
import { boolean, oneOf, shortText, text } from "../../core/outside/scalar-shapes.ts";
import { atLeast, storedJson } from "../../core/outside/stored-json.ts";

export type MqttCursor = {
  readonly clientId: string;
  readonly isSubscribed: boolean;
  /** Of deliveries.ts. */
  readonly ids: string;
  readonly usesIdsAgain: boolean;
};

const CURSOR = atLeast({
  v: oneOf(["1"]),
  client: shortText(256),
  subscribed: boolean,
  ids: text(/^[A-Za-z0-9+/]{0,4096}={0,2}$/, "Base64"),
  again: boolean,
});

export function writeCursor({ clientId, isSubscribed, ids, usesIdsAgain }: MqttCursor): string {
  return JSON.stringify({ v: "1", client: clientId, subscribed: isSubscribed, ids, again: usesIdsAgain });
}

/** Null where the text is anything else: then the caller must not guess. */
export function readCursor(cursor: string): MqttCursor | null {
  const found = storedJson(CURSOR, cursor);
  if (found === null) return null;
  return { clientId: found.client, isSubscribed: found.subscribed, ids: found.ids, usesIdsAgain: found.again };
}

/** The same for a node and a source as long as the cursor is there, and of another node or source never. */
export function newClientId(nodeId: string, uri: string): string {
  return `agent-${nodeId}-${Bun.SHA256.hash(uri, "hex").slice(0, 8)}`;
}
