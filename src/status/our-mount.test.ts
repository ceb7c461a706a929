import { expect, test } from "bun:test";
import { isOnlyTheMount } from "./our-mount.ts";

const TABLE = [
  "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro",
  "40 21 8:1 /var/lib/agent /var/lib/agent ro,relatime - ext4 /dev/sda1 rw",
  "41 21 8:2 / /mnt/card ro,relatime shared:3 master:1 - ext4 /dev/sdb1 ro",
  "42 21 8:3 / /mnt/a\\040b ro - xfs /dev/sdc1 rw,attr2",
  "43 42 8:3 / /mnt/a\\040b/inner rw - xfs /dev/sdc1 rw,attr2",
].join("\n");

test("a mount for reading only over a file system that can be written is ours alone", () => {
  const of = (path: string) => isOnlyTheMount(path, TABLE);
  expect([of("/var/lib/agent"), of("/var/lib/agent/lake")]).toEqual([true, true]);
  expect([of("/var/lib/agents"), of("/mnt/card"), of("/mnt/card/agent")]).toEqual([false, false, false]);
  expect([of("/mnt/a b"), of("/mnt/a b/inner")]).toEqual([true, false]);
  expect(isOnlyTheMount("/var", "")).toBe(false);
});
