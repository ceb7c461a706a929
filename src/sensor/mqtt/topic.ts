/** What a broker takes as a topic filter (MQTT 5, 4.7). */

const TOPIC_BYTES = 65_535;

/** Why it would not take this one, or null. */
export function topicProblem(topic: string): string | null {
  if (topic === "") return "it is empty";
  if (Buffer.byteLength(topic) > TOPIC_BYTES) return `it is longer than ${TOPIC_BYTES} bytes`;
  if (topic.includes("\0")) return "it has a NUL";
  const levels = topic.split("/");
  if (levels[0] === "$share" && (levels.length < 3 || levels[1] === "" || /[+#]/.test(levels[1] ?? ""))) {
    return "a shared subscription is $share/GROUP/TOPIC";
  }
  const isWrong = (level: string, at: number) =>
    level.length > 1 ? /[#+]/.test(level) : level === "#" && at < levels.length - 1;
  const wrong = levels.find(isWrong);
  if (wrong === undefined) return null;
  return wrong === "#"
    ? "# is only at the end, as in site/#"
    : `"${wrong}": # and + are a whole level, as in site/+/power`;
}
