/** `GET /api/limits`: what the rules in force say of a series. */
import { IDENTITY_COLUMNS, type Identity, type SensorCatalogue } from "../../core/sensor.ts";
import { type Rule, readRules } from "../../rules/files/rule.ts";
import type { RuleSet } from "../../rules/rule-set.ts";
import type { RuleLimit, WireLimits } from "../wire.ts";
import type { SeriesName } from "./watched-series.ts";

const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

export class RuleLimits {
  #rules: readonly Rule[] = [];
  #version: string | null = null;

  of({ version, canonical }: Pick<RuleSet, "version" | "canonical">, catalogue: SensorCatalogue) {
    if (version !== this.#version) {
      const read = readRules([{ name: version, text: canonical }]);
      // It was compiled from this text.
      this.#rules = "ok" in read ? read.ok : [];
      this.#version = version;
    }
    return (names: readonly SeriesName[]): WireLimits => limitsOf(this.#rules, catalogue, names);
  }
}

function limitsOf(rules: readonly Rule[], { interned }: SensorCatalogue, names: readonly SeriesName[]): WireLimits {
  const wanted = new Set(names.map(({ sensorId }) => sensorId));
  // A sensor that had several identities has the newest.
  const identities = new Map<string, Identity>();
  for (const { identity } of interned) {
    const id = identity[SENSOR_ID];
    if (typeof id === "string" && wanted.has(id)) identities.set(id, identity);
  }
  return Object.fromEntries(
    names.map(({ key, sensorId, measure }) => {
      const identity = identities.get(sensorId);
      if (identity === undefined) return [key, []];
      const own = rules.filter((rule) => isAbout(rule, measure) && rule.appliesTo.matches(identity));
      return [key, own.map((rule) => limitOf(rule, identity))];
    }),
  );
}

/** A rule of silence is about everything that its sensor reports. */
function isAbout({ kind, condition }: Rule, measure: string): boolean {
  return kind === "gap" || condition.measures.includes(measure);
}

function limitOf({ name, severity, kind, condition }: Rule, identity: Identity): RuleLimit {
  const { min, max } = condition.limitsFor?.(identity) ?? { min: Number.NaN, max: Number.NaN };
  const { ms, readings } = condition.window ?? { ms: null, readings: null };
  const finite = (limit: number) => (Number.isFinite(limit) ? limit : null);
  return {
    rule: name,
    severity,
    kind,
    min: finite(min),
    max: finite(max),
    windowMs: ms,
    windowReadings: readings,
  };
}
