import { expect, test } from "bun:test";
import { isSameSession, parseMqttUri, parsePublishUri } from "./uri.ts";

const whyNot = (uri: string): string => {
  try {
    return JSON.stringify(parseMqttUri(uri));
  } catch (error) {
    return String(error);
  }
};

test("a topic is what is behind the slash after the host, as people write it", () => {
  for (const [uri, topics] of [
    ["mqtt://broker:1883/site/#", ["site/#"]],
    ["mqtt://broker/#", ["#"]],
    ["mqtt://broker/+/power", ["+/power"]],
    ["mqtt://broker//rooms/1", ["/rooms/1"]],
    ["mqtt://broker/$share/agents/site/+", ["$share/agents/site/+"]],
    ["mqtt://broker/tele/+/SENSOR?qos=0", ["tele/+/SENSOR"]],
    ["mqtt://broker/a b/%C3%BC?topic=c%3Fd/%23&topic=e/+/f", ["a b/ü", "c?d/#", "e/+/f"]],
    ["mqtt://broker?topic=a/%23&topic=b", ["a/#", "b"]],
  ] as const) {
    expect([uri, parseMqttUri(uri).topics]).toEqual([uri, [...topics]]);
  }
});

test("without parameters: QoS 1, a session of a week, no retained messages, the port of the scheme", () => {
  expect(parseMqttUri("mqtt://[::1]/a")).toMatchObject({
    host: "::1",
    port: 1883,
    qos: 1,
    clean: false,
    takesRetained: false,
    sessionMs: 7 * 24 * 3_600_000,
    protocol: null,
    user: null,
  });
  expect(parseMqttUri("mqtts://broker/a")).toMatchObject({ port: 8883, tls: true });
});

test("a login is read, and is not in the name; another password is the same session", () => {
  const uri = "mqtt://anna:s%40cret%2F%3A@broker:1884/a?client_id=x";
  expect(parseMqttUri(uri)).toMatchObject({ user: "anna", password: "s@cret/:", clientId: "x" });
  expect(parseMqttUri(uri).name).toBe("mqtt://anna@broker:1884/a?client_id=x");
  expect(isSameSession(uri, "mqtt://anna@broker:1884/a?client_id=x&map=m.json")).toBe(true);
  expect(isSameSession(uri, "mqtt://anna@broker:1884/b?client_id=x")).toBe(false);
  expect(isSameSession(uri, "sqlite:a.db")).toBe(false);
});

test("no message about a URI shows a part of its password, however it was written", () => {
  for (const uri of [
    "mqtt://anna:hush@broker/a/#/b",
    "mqtt://anna:hu@hush@bro ker/a",
    "mqtt://anna:hu/hush@broker/a",
    "mqtt://anna:hu?hush=1@broker/a",
    "mqtt://anna:hush@broker/a?nonsense=1&qos=7",
    "mqtt://anna:hush@broker:99999/a",
    "mqtt://anna:hush@broker",
    "mqtt://anna:hush@broker/a?ca=ca.crt",
  ]) {
    expect(whyNot(uri)).toContain("Cannot use source");
    expect(whyNot(uri)).not.toContain("hush");
  }
});

test("what can never work is refused, with the reason", () => {
  for (const [uri, why] of [
    ["mqtt:broker/a", "expected mqtt://HOST[:PORT]/TOPIC"],
    ["mqtt://broker", "the topic is missing"],
    ["mqtt://broker/", "the topic is missing"],
    ["mqtt://broker:0/a", "is not HOST[:PORT]"],
    ["mqtt://broker/a/#/b", "# is only at the end"],
    ["mqtt://broker/a+/b", "are a whole level"],
    ["mqtt://broker/$share/g", "a shared subscription is $share/GROUP/TOPIC"],
    ["mqtt://broker/a?qos=2", "qos: "],
    ["mqtt://broker/a?topics=b", 'there is no parameter "topics"'],
    ["mqtt://broker/a?retained=yes", "expected skip or take"],
    ["mqtt://broker/a?clean=true&session=1d", "no session is kept"],
    ["mqtts://broker/a?cert=c.pem", "cert and key belong together"],
    ["mqtt://broker/a?ca=c.pem", "ca needs TLS"],
    ["mqtt://:pw@broker/a", "the user is empty"],
  ] as const) {
    expect([uri, whyNot(uri)]).toEqual([uri, expect.stringContaining(why)]);
  }
});

test("a publisher has one topic without wildcards", () => {
  expect(parsePublishUri("mqtt://broker/site/{sensor_id}/reading").topic).toBe("site/{sensor_id}/reading");
  for (const uri of ["mqtt://broker/site/#", "mqtt://broker/a+b", "mqtt://broker", "mqtt://broker/a?qos=1"]) {
    expect(() => parsePublishUri(uri)).toThrow("Cannot write to");
  }
});
