/**
 * What becomes known on the way: values that the clouds choose. A fact is known (some resource was read or made that
 * gives it), pending (the resource that gives it has still to be made: "known after apply"), or absent (nothing in this
 * graph gives it, as with `--only aws`). A resource asks when it needs to, at plan time and again at apply time.
 */

export type Facts = {
  /** The AWS account, 12 digits. Known from the check of the AWS side. */
  readonly accountId: string;
  /** `aws`, `aws-us-gov`, `aws-cn`: the second part of every ARN. Known from the check of the AWS side. */
  readonly partition: string;
  /** Who asks, as STS names them. Known from the check of the AWS side. */
  readonly callerArn: string;
  /** True where the edge's identity, the first thing that is made, is there and ours. Known from it. */
  readonly setUpBegun: true;
  /** The role that Unity Catalog assumes. Known from the role, and predicted by the AWS side: name and account are enough. */
  readonly roleArn: string;
  /** Chosen by Databricks for each storage credential, never by us. Known from the storage credential. */
  readonly externalId: string;
  /** The role of Databricks that assumes ours. Known from the storage credential. */
  readonly unityCatalogIamArn: string;
  /** Who asks, as the workspace names them. Known from the check of the Databricks side. */
  readonly databricksUser: string;
};
export type FactName = keyof Facts;

export class FactBook {
  readonly #known: { -readonly [K in FactName]?: Facts[K] } = {};
  readonly #pending: Set<FactName>;

  /** `pending`: what resources of the graph will give once they are there. */
  constructor(pending: Iterable<FactName> = []) {
    this.#pending = new Set(pending);
  }

  learn(facts: Partial<Facts>): void {
    Object.assign(this.#known, facts);
  }

  /** The value, or undefined while it is pending or absent. */
  get<K extends FactName>(name: K): Facts[K] | undefined {
    return this.#known[name];
  }

  /** For a caller that cannot work without it: throws a bug's error, as the graph's order should have made it known. */
  need<K extends FactName>(name: K): Facts[K] {
    const value = this.#known[name];
    if (value === undefined) throw new Error(`${name} is not known: the step that finds it is missing in "needs"`);
    return value;
  }

  isPending(name: FactName): boolean {
    return this.#known[name] === undefined && this.#pending.has(name);
  }
}
