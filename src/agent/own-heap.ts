/** Watches the memory of this process. */
import { edenGC } from "bun:jsc";
import { HeapWatch } from "../core/bytes/heap-watch.ts";

export function watchOwnHeap(): HeapWatch {
  return new HeapWatch(process.memoryUsage.rss, { all: () => Bun.gc(true), young: edenGC });
}
