/**
 * The port of provisioning: one resource of a cloud, with what is there, what should be there, and one call per step from
 * the one to the other. Plan decides (plan.ts), apply is dumb (apply.ts); state is read from the clouds, never from a file.
 */
import type { Stage } from "../core/stage.ts";
import type { FactBook, FactName, Facts } from "./facts.ts";

export const SIDES = ["aws", "databricks"] as const;
export type Side = (typeof SIDES)[number];

export const ACTIONS = ["none", "create", "update", "delete", "replace"] as const;
export type Action = (typeof ACTIONS)[number];

/** What a call knows while it works. */
export type Doing = {
  readonly facts: FactBook;
  /** Aborted by a signal: a wait ends at once, what has begun may end or not. */
  readonly stop: AbortSignal;
  /** Where a wait or a long job is now, for people; may be called a thousand times a second. */
  readonly tell: (text: string) => void;
  readonly wait: (ms: number) => Promise<void>;
  /** Milliseconds that only run. */
  readonly now: () => number;
  /** The command line that continues this work, ready for a shell: the way out of what passes by itself. */
  readonly again: string;
};

/** One difference and the one call that removes it. */
export type Change = {
  readonly action: "update" | "replace" | "delete";
  /** What differs, old -> new: `versioning: off -> on`. A value that is not known yet: `known after apply`. */
  readonly because: string;
  /** It undoes what a person did by hand on purpose: only for a command that showed the plan and got a yes. */
  readonly undoes?: true;
  /**
   * On return the difference is gone. Reads its facts now, not when it was planned. May be repeated: it is called again
   * after a TransientError, and by the next run when this one was killed.
   */
  make(doing: Doing): Promise<void>;
};

/** What a person should know of a resource, and what apply does not change. */
export type Remark = {
  readonly resource: string;
  /** `warning`: it is not as it should be, and what makes it so is not ours. `note`: it may be so. */
  readonly level: "note" | "warning";
  /** `AKIA…: active, never used`. What others made is named. */
  readonly message: string;
  /** What a person does about it, where that is more than a command. */
  readonly advice: string | null;
  /** A command that can be pasted. */
  readonly try: string | null;
};
export type ResourceRemark = Omit<Remark, "resource">;

/** What would go with a resource and was not made by provision. Each kind has a flag of its own with which it goes too. */
export type Spared = {
  /** Behind `Cannot destroy bucket x: `. */
  readonly because: string;
  readonly kind: "adopted" | "foreign-objects";
};

/** What goes although provision did not make it: only what was said. */
export type Goes = ReadonlySet<Spared["kind"]>;

/** `whose`: ` (then managed by terraform)`, where that is known. */
export function adoptedSpared(whose = ""): Spared {
  return { kind: "adopted", because: `it was there before the first apply${whose}, and was taken over with --adopt` };
}

/**
 * Every method throws TransientError when trying later may help (it is tried again, a bounded number of times), DeniedError
 * with the missing permission, any other error when a person must look. Messages read `Cannot <verb> <resource>: <cause>`.
 */
export interface Resource<Actual = unknown> {
  /** The words of a plan, unique in the graph: `bucket acme-raw-data-us-west-2`. */
  readonly id: string;
  readonly side: Side;
  /** Ids that must be there before this can be made; where one cannot be made, this is skipped and named. */
  readonly needs: readonly string[];
  /** Ids that are made earlier if they can be, and whose failure does not skip this. */
  readonly after?: readonly string[];
  /** Ids that are read before this is read, because reading uses their facts. Everything else is read at once. */
  readonly readAfter?: readonly string[];
  /** Ids of `needs` or `after` that are nevertheless deleted before this. The usual order is that of making, backwards. */
  readonly outlives?: readonly string[];
  /** The id of what holds this. Where that is not ours, or cannot be read, nothing in it is deleted. */
  readonly within?: string;
  /** The facts that `learn` gives. */
  readonly tells?: readonly FactName[];

  /** What is there now, or null. Reads only. */
  read(doing: Doing): Promise<Actual | null>;
  /** The facts in it. */
  learn?(actual: Actual): Partial<Facts>;
  /**
   * Why this is not ours to touch ("it has no tag managed-by=agent-provision"), or null when it is. Absent: it is always
   * ours, such as a part of something that is. What is not ours is refused, and with `--adopt` it is taken over: then
   * `diff` must hold the change that marks it.
   */
  foreign?(actual: Actual, facts: FactBook): string | null;
  /** Every difference, in the order in which they are repaired; none: it is as it should be. */
  diff(actual: Actual, facts: FactBook): readonly Change[];
  /** What plan shows beside the differences. What has a warning is not as it should be. */
  remarks?(actual: Actual, facts: FactBook): readonly ResourceRemark[];
  /** Why it should not be there: then it is deleted if it is there and ours, and is not touched otherwise. */
  readonly unwanted?: string;
  /** Why it is created, where there is more to say than that it does not exist. */
  readonly missing?: string;
  /**
   * Makes it, marked as ours in the same call. Afterwards it is read again, and what `diff` then finds is changed: so this
   * needs only the bare thing. An answer may be lost: after a TransientError it is read first, and made again only if it is
   * not there. "Already exists" may be thrown as a TransientError for the same treatment.
   */
  create(doing: Doing): Promise<void>;
  /** Looks once more at the end of an apply, before that says "Done". Throws when the resource is not as apply left it. */
  confirm?(doing: Doing): Promise<void>;
  /** Deletes it in an apply, where it is unwanted. Throws where only a person may do that. Absent: as `remove`. */
  retire?(actual: Actual, doing: Doing): Promise<void>;
  /** Why it is not deleted without one more word. Asked before anything is deleted; reads only. Absent: it is. */
  spares?(actual: Actual, doing: Doing): Promise<readonly Spared[]>;
  /**
   * Deletes it, with all that is in it, but for what others put there and `goes` does not name. What is already gone is not an
   * error. Absent: there is nothing to delete.
   */
  remove?(actual: Actual, doing: Doing, goes: Goes): Promise<void>;
}

/** What `agent provision verify` found out with a real call. */
export type Proof = {
  /** `edge key`, `unity catalog`. */
  readonly party: string;
  /** `puts into bucket x`, `cannot read bucket x`. */
  readonly claim: string;
  /** Null: it could not be tried here, and `detail` says why; that alone is not a failure. */
  readonly ok: boolean | null;
  readonly detail: string;
};

/** A bucket, or what is below a prefix of it, with its objects counted: ours, and those of others, named. */
export type CleanPlace = {
  readonly bucket: string;
  readonly prefix: string;
  readonly isThere: boolean;
  readonly objects: number;
  readonly foreign: { readonly count: number; readonly text: string };
};
/** `deleted`: objects with all their versions and delete markers. */
export type Cleaned = { readonly bucket: string; readonly deleted: number; readonly kept: number };

/** All of one cloud, as far as we know it. */
export interface ProvisionSide {
  readonly side: Side;
  readonly resources: readonly Resource[];
  /**
   * Asks who we are, before anything else is asked, and that the account, the workspace and the regions are the ones that
   * the settings mean. Throws when it must not continue.
   */
  check(doing: Doing): Promise<Partial<Facts>>;
  /** Real calls as each party, when everything is as it should be. Leaves nothing behind. */
  prove?(doing: Doing): Promise<readonly Proof[]>;
  /** What `clean` would empty, and what it would leave. Absent: there is nothing to clean on this side. */
  cleanable?(stage: Stage | null, doing: Doing): Promise<readonly CleanPlace[]>;
  /** Takes the data of one stage (null: of all, and all checkpoints) away and keeps the set-up. Called after a yes. */
  clean?(
    places: readonly CleanPlace[],
    doing: Doing,
    options: { readonly foreign: boolean },
  ): Promise<readonly Cleaned[]>;
  /**
   * What breaks when the AWS half goes alone, by name: as Unity Catalog sees it; or, on the AWS side itself, the sign that
   * someone is let in. Empty: nothing. Reads only.
   */
  restsOnAws?(doing: Doing): Promise<readonly string[]>;
  close(): void;
}

/** What a bucket, role or user is tagged with, and what a comment of a Databricks object ends with: `managed-by=…`. */
export const MANAGED_BY_KEY = "managed-by";
/** Says that it was there before the first apply. A tag, a word behind the mark in a comment, a line of a source. */
export const ADOPTED_KEY = "agent-provision-adopted";
export const MANAGED_BY = "agent-provision";
