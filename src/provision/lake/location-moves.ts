/**
 * Moving external locations to the right buckets. No two may overlap, at any moment: so what is in the way is found
 * and named; and where it is one of ours that points to the wrong bucket itself (two that were swapped, say) it is parked
 * for the moment that it takes. One move at a time.
 */
import { AgentError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import { Location } from "../../databricks/shapes/securables.ts";
import { BUCKET_USES, bucketUrl, locationName } from "../names.ts";
import type { Doing } from "../resource.ts";
import { dependantsUnder } from "./dependants.ts";
import { type Lake, listLocations, overlaps, plainUrl, sameUrl } from "./lake.ts";
import { isMarked, LAKE_ID } from "./names.ts";
import { SecurableCalls } from "./securable.ts";

const LOCATIONS = "external-locations";

export class LocationMoves {
  readonly #lake: Lake;
  #last: Promise<unknown> = Promise.resolve();
  /** What we have moved ourselves: a list that lags would show it where it was, and have it moved again. */
  readonly #moved = new Set<string>();

  constructor(lake: Lake) {
    this.#lake = lake;
  }

  /** After all earlier ones have ended, well or not. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  /** On return no other location overlaps the url, or an AgentError names the one that does. */
  async makeRoom(name: string, url: string, doing: Doing): Promise<void> {
    for (const other of await listLocations(this.#lake, doing)) {
      const otherName = other.name.toLowerCase();
      const isMoved = otherName === name || this.#moved.has(otherName);
      if (isMoved || !overlaps(other.url, url)) continue;
      if (!this.#isOursAndWrong(other)) throw inTheWay(name, url, other);
      await this.#park(other, doing);
    }
  }

  /** It is where it should be now. */
  settled(name: string): void {
    this.#moved.add(name);
  }

  /** A bucket that no one has: nothing can be there, and no location overlaps it. */
  isParked(url: string): boolean {
    return plainUrl(url).startsWith(`${this.#parking()}/`);
  }

  #parking(): string {
    const { prefix, region } = this.#lake.naming;
    return `s3://${prefix}-parked-${region}`;
  }

  #isOursAndWrong({ name, url, comment }: Location): boolean {
    if (!isMarked(comment)) return false;
    const use = BUCKET_USES.find((one) => locationName(one, this.#lake.naming) === name.toLowerCase());
    return use !== undefined && !sameUrl(url, bucketUrl(use, this.#lake.naming));
  }

  async #park(other: Location, doing: Doing): Promise<void> {
    const { name, url } = other;
    const id = LAKE_ID.location(name);
    const dependants = await dependantsUnder(this.#lake, url, doing);
    if (dependants.length > 0 && !this.#lake.force) {
      throw new AgentError(`Cannot move ${id} out of the way: ${dependants.slice(0, 5).join(", ")} would break`, {
        advice: "Move or drop them, or use --force if they may break",
        tryHint: "agent provision apply --force",
      });
    }
    doing.tell(`${id} is in the way and points to the wrong bucket itself: parked until its turn`);
    const body = { url: `${this.#parking()}/${name}`, force: true, skip_validation: true };
    const calls = new SecurableCalls(this.#lake, { id, path: [LOCATIONS, name], shape: Location });
    await calls.change(other, doing, body);
    this.#moved.add(name.toLowerCase());
  }
}

function inTheWay(name: string, url: string, other: Location): AgentError {
  const { name: otherName, owner = "an unknown owner" } = other;
  return new AgentError(
    `Cannot point ${LAKE_ID.location(name)} to ${plainUrl(url)}: it overlaps external location "${otherName}" (${other.url}, of ${owner})`,
    {
      advice: "Delete that one if it is not needed, or set another S3_BUCKET_PREFIX",
      tryHint: `databricks external-locations get ${shellWord(otherName)}`,
    },
  );
}
