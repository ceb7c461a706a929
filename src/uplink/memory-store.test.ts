import { MemoryStore } from "./memory-store.ts";
import { describeObjectStore } from "./object-store.suite.ts";

describeObjectStore("store in memory", { open: async () => new MemoryStore(), manyObjects: 2_100, timeoutMs: 5_000 });
