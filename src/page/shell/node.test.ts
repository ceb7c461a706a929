/** An address that leads to another node after a while. */
import { expect, test } from "bun:test";
import { AnotherNodeError, node, nodeNow, nodeSeen, notSureOfNode, otherNode } from "./node.ts";

test("the page is of the first node that it saw; another one is named and refused until the first is back", async () => {
  const says = (id: string | null) => nodeNow(async () => id);
  expect(await says(null)).toBe(null);
  expect(await says("a")).toBe("a");
  // Sure for a moment: nothing is asked.
  expect(await says("b")).toBe("a");
  notSureOfNode();
  await expect(says("b")).rejects.toThrow(new AnotherNodeError("This is another node now: b. It was a"));
  expect([node.value, otherNode.value]).toEqual(["a", "b"]);
  await expect(says("b")).rejects.toThrow(AnotherNodeError);
  expect(await says("a")).toBe("a");
  expect(otherNode.value).toBe(null);
  expect([nodeSeen("a"), nodeSeen(null), nodeSeen("b")]).toEqual([true, true, false]);
  expect(otherNode.value).toBe("b");
});

test("many who ask at the same time ask the agent once, and a node that does not answer is asked again", async () => {
  notSureOfNode();
  let asked = 0;
  const ask = async () => {
    asked++;
    await Promise.resolve();
    return "a";
  };
  expect(await Promise.all([nodeNow(ask), nodeNow(ask), nodeNow(ask)])).toEqual(["a", "a", "a"]);
  expect(asked).toBe(1);
  notSureOfNode();
  const away = () => Promise.reject(new Error("away"));
  await expect(nodeNow(away)).rejects.toThrow("away");
  expect(await nodeNow(ask)).toBe("a");
});
