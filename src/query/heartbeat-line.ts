/** Whether the lines of a heartbeat's object are one heartbeat, as an agent writes it. Imports arktype. */
import { problemsIn } from "../databricks/answer.ts";
import { HeartbeatLine } from "../databricks/shapes/heartbeat.ts";

/** Null: they are. The reason never quotes a value. */
export function whyNoHeartbeat(lines: readonly string[]): string | null {
  const [line = "", ...more] = lines;
  if (line === "" || more.length > 0) return `it has ${lines.length} lines, and a heartbeat is one`;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "it is not JSON";
  }
  return problemsIn(HeartbeatLine, json);
}
