/** A request that is meant for another node. */
import { expect, test } from "bun:test";
import type { HttpReply, HttpRequest, Route } from "../http/route.ts";
import { jsonReply } from "./json-reply.ts";
import type { DashboardNode } from "./node.ts";
import { forThisNode, nodeRoute } from "./this-node.ts";

const request = (headers: Readonly<Record<string, string>> = {}): HttpRequest => ({
  method: "PUT",
  path: "/",
  query: new URLSearchParams(),
  headers: new Map(Object.entries(headers)),
  body: new Uint8Array(),
  gone: new AbortController().signal,
  client: "",
});
const named = (nodeId: string | null) =>
  ({ opened: () => null, settings: { nodeId } }) as unknown as Pick<DashboardNode, "opened" | "settings">;

async function answered(nodeId: string | null, method: Route["method"], headers: Readonly<Record<string, string>>) {
  let done = 0;
  const route: Route = { method, path: "/", access: "write", maxBodyBytes: 0, answer: () => jsonReply(++done) };
  const [guarded] = forThisNode(named(nodeId), [route]);
  const reply: HttpReply = await guarded!.answer(request(headers));
  return { done, status: reply.status, body: "body" in reply ? String(reply.body) : "" };
}

test("what writes and names another node is refused before anything is done; without a name it is done", async () => {
  for (const method of ["PUT", "POST"] as const) {
    expect(await answered("a", method, {})).toMatchObject({ done: 1, status: 200 });
    expect(await answered("a", method, { "x-agent-node": "a" })).toMatchObject({ done: 1, status: 200 });
    const { done, status, body } = await answered("a", method, { "x-agent-node": "b" });
    expect([done, status]).toEqual([0, 412]);
    expect(JSON.parse(body)).toEqual({
      message: 'Cannot do this: it is meant for node "b", and this is "a"',
      try: null,
    });
    expect(await answered(null, method, { "x-agent-node": "b" })).toMatchObject({ done: 0, status: 412 });
  }
  expect(await answered("a", "GET", { "x-agent-node": "b" })).toMatchObject({ done: 1, status: 200 });
});

test("a node says its name, or that it has none yet", async () => {
  for (const nodeId of ["a", null]) {
    const reply = await nodeRoute(named(nodeId)).answer(request());
    expect("body" in reply && JSON.parse(String(reply.body))).toEqual({ node: nodeId });
  }
});
