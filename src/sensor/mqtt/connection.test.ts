/** What is not a good broker, as a server of the test plays it. */
import { afterEach, expect, test } from "bun:test";
import { type AddressInfo, createServer, type Server } from "node:net";
import { generate, type Packet } from "mqtt-packet";
import { MqttConnection } from "./connection.ts";
import { connectionTrouble } from "./refused.ts";
import { parseMqttUri } from "./uri.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Why there is no connection to a server that answers the first bytes with these, and then ends. */
async function whyNot(answer: Uint8Array | string, isV5 = true): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(answer));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = parseMqttUri(`mqtt://anna:hush@127.0.0.1:${(server.address() as AddressInfo).port}/a`);
  const receiver = { hasRoom: () => true, message: () => {}, packet: () => {}, confirmed: () => {}, lost: () => {} };
  const login = { user: "anna", password: "hush", passwordFile: null };
  const limits = { clean: true, sessionMs: 0, receiveMost: 10, maxPayloadBytes: 1_000 };
  const protocol = isV5 ? ("5" as const) : ("3.1.1" as const);
  const options = Object.assign({ address, login, clientId: "x", protocol, cwd: "/" }, limits);
  try {
    const connection = await MqttConnection.open(options, receiver);
    await connection.close();
    return "connected";
  } catch (error) {
    const { message, tryHint } = connectionTrouble(address, error, false);
    expect([message, tryHint].join(" ")).not.toContain("hush");
    return message;
  }
}

const connack = (code: number, isV5: boolean) =>
  generate(
    (isV5
      ? { cmd: "connack", reasonCode: code, sessionPresent: false }
      : { cmd: "connack", returnCode: code, sessionPresent: false }) as Packet,
    { protocolVersion: isV5 ? 5 : 4 },
  );

test("a server of another kind is named as one that does not speak MQTT", async () => {
  for (const answer of [
    "HTTP/1.1 400 Bad Request\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
    "\0\0\0\0",
    "\u0015\u0003\u0001\0\u0002\u0002(",
  ]) {
    expect([answer, await whyNot(answer)]).toEqual([
      answer,
      expect.stringMatching(/does not speak MQTT|ended the connection/),
    ]);
  }
});

test("each refusal of a broker is said in words, with what to do, in both versions", async () => {
  for (const [v5, old, says] of [
    [134, 4, "the user or the password is wrong"],
    [135, 5, "this user is not allowed to connect"],
    [133, 2, "client_id"],
    [136, 3, "it is not available"],
    [132, 1, "it does not speak this version of MQTT"],
  ] as const) {
    expect(await whyNot(connack(v5, true))).toContain(says);
    expect(await whyNot(connack(old, false), false)).toContain(says);
  }
  expect(await whyNot(connack(134, true))).toContain('it refused user "anna" with the password');
  expect(await whyNot(connack(0, true))).toBe("connected");
});
