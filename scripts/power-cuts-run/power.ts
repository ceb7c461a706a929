/** The disk whose power can fail: the layer as a process, and the orders to it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lie } from "./layer/cut.ts";
import type { ListedChange, Order } from "./layer/main.ts";

const LAYER = join(import.meta.dir, "layer/main.ts");
const ORDERS = ".power";
const MOUNTED_MS = 30_000;

export class Power {
  readonly #layer: Bun.Subprocess;
  readonly place: string;

  private constructor(place: string, layer: Bun.Subprocess) {
    this.place = place;
    this.#layer = layer;
  }

  /** Mounts an empty disk at `place`. Throws where that is not possible. */
  static async on(place: string): Promise<Power> {
    mkdirSync(place, { recursive: true });
    const layer = Bun.spawn([process.execPath, LAYER, place], { stdin: "pipe", stdout: "ignore", stderr: "inherit" });
    const giveUpMs = performance.now() + MOUNTED_MS;
    while (!existsSync(join(place, ORDERS))) {
      if (layer.exitCode !== null || performance.now() > giveUpMs) {
        layer.kill("SIGKILL");
        throw new Error(`Cannot mount FUSE at "${place}"`);
      }
      await Bun.sleep(20);
    }
    return new Power(place, layer);
  }

  mark(seen: number): void {
    this.#order({ do: "mark", seen });
  }

  settle(): void {
    this.#order({ do: "settle" });
  }

  length(): number {
    return this.#order({ do: "length" }) as number;
  }

  /** The history since the last cut, under a name. */
  keep(as: string): readonly ListedChange[] {
    this.#order({ do: "keep", as });
    return this.#order({ do: "list", name: as }) as readonly ListedChange[];
  }

  forget(name: string): void {
    this.#order({ do: "forget", name });
  }

  /** No file may be open: the disk is what it may be when the power failed after the first `at` changes. */
  cut(of: string, at: number, { seed, lie }: { readonly seed: number; readonly lie: Lie }): void {
    this.#order({ do: "cut", of, at, seed, lie });
  }

  async off(): Promise<void> {
    Bun.spawnSync(["umount", "-l", this.place]);
    await Promise.race([this.#layer.exited, Bun.sleep(5_000)]);
    this.#layer.kill("SIGKILL");
  }

  /** Each kind of order has its answer; the layer is the only one that writes it. */
  #order(order: Order): unknown {
    const path = join(this.place, ORDERS);
    writeFileSync(path, JSON.stringify(order));
    return JSON.parse(readFileSync(path, "utf8")) as unknown;
  }
}
