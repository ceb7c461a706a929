/** A thing of Unity Catalog that has a name, a comment and an owner: how it is read, changed, taken over and deleted. */
import { DeniedError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { Shape } from "../../databricks/answer.ts";
import { TokenRefusedError } from "../../databricks/failure.ts";
import type { Securable } from "../../databricks/shapes/securables.ts";
import type { Change, Doing } from "../resource.ts";
import { adoption, deleteThing, type Lake, readThing, UNITY, unity } from "./lake.ts";

export type SecurablePlace<S extends Shape> = {
  readonly id: string;
  /** Behind the address of Unity Catalog, as `["volumes", "main.sensors.raw"]`. */
  readonly path: readonly string[];
  readonly shape: S;
};

type Owned = Pick<Securable, "owner">;

export class SecurableCalls<S extends Shape> {
  readonly #lake: Lake;
  readonly #id: string;
  readonly #path: readonly string[];
  readonly #shape: S;

  constructor(lake: Lake, { id, path, shape }: SecurablePlace<S>) {
    this.#lake = lake;
    this.#id = id;
    this.#path = path;
    this.#shape = shape;
  }

  /** Null where it is not there. */
  read(doing: Doing): Promise<S["infer"] | null> {
    return readThing(this.#lake, this.#shape, unity(`read ${this.#id}`, "GET", this.#path), doing);
  }

  /** May be repeated: a change says what should be, and not by how much. */
  async change(actual: Owned, doing: Doing, body: object): Promise<void> {
    const more = { body, again: "safe", needs: `ownership of ${this.#id}` } as const;
    const call = unity(`change ${this.#id}`, "PATCH", this.#path, more);
    await this.asOwner(actual, doing, () => this.#lake.workspace.request(call, doing));
  }

  /** Takes it over by its comment, where that has not our mark. */
  adoption(actual: Securable): Change[] {
    return adoption(actual, (comment, doing) => this.change(actual, doing, { comment }));
  }

  async remove(actual: Owned, doing: Doing): Promise<void> {
    const call = unity(`delete ${this.#id}`, "DELETE", this.#path, { needs: `ownership of ${this.#id}` });
    await this.asOwner(actual, doing, () => deleteThing(this.#lake, call, doing));
  }

  /**
   * Does what only the owner may do. A metastore admin may take the ownership, by a request that changes nothing else; so
   * where we are denied we take it, and do it then. Where that is denied too, the sentence names the owner.
   */
  async asOwner<T>(actual: Owned, doing: Doing, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (denied) {
      const me = doing.facts.get("databricksUser");
      const { owner } = actual;
      const isTheirs = me !== undefined && owner !== undefined && owner !== me;
      if (!(denied instanceof DeniedError) || denied instanceof TokenRefusedError || !isTheirs) throw denied;
      doing.tell(`${this.#id} belongs to ${owner}: taking it over`);
      const more = { body: { owner: me }, again: "safe" } as const;
      const call = unity(`become the owner of ${this.#id}`, "PATCH", this.#path, more);
      await this.#lake.workspace.request(call, doing).catch((error: unknown) => {
        if (!(error instanceof DeniedError)) throw error;
        throw new DeniedError(`${denied.message} (it belongs to "${owner}", and we are "${me}")`, {
          advice: `"${owner}" can run this command, which gives it to "${me}"`,
          missing: `ownership of ${this.#id}`,
          tryHint: `databricks api patch /${[...UNITY, ...this.#path].map(encodeURIComponent).join("/")} --json ${shellWord(JSON.stringify({ owner: me }))}`,
          cause: denied,
        });
      });
      return work();
    }
  }
}
