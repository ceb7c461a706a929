/** `GET /api/rules`: the rules in force, what they found and cost, which files are refused, and which sets were in force before. */
import { ruleCounts, ruleSwitches } from "../../buffer/ledger/rules.ts";
import type { Profile } from "../../core/profile.ts";
import { IDENTITY_COLUMNS, SensorCatalogue } from "../../core/sensor.ts";
import { type CanonicalRule, canonicalRules } from "../../rules/files/canonical.ts";
import { ruleFileNames } from "../../rules/files/folder-names.ts";
import { type EditedFolder, loadRules } from "../../rules/files/load.ts";
import { type Rule, readRules } from "../../rules/files/rule.ts";
import { RULE_SWITCHES_MOST, type WireRule, type WireRules, type WireRuleText } from "../rules-wire.ts";
import { type EditorParts, folderOf, nameIn, type RulesAtWork, wireProblem } from "./parts.ts";

export function wireRules(parts: EditorParts): WireRules {
  const folder = folderOf(parts);
  const files = folder === null ? [] : filesIn(folder);
  const atWork = parts.atWork();
  if (atWork === null) return rulesBeforeStart(folder, files);
  const { rules, buffer } = atWork;
  const switches = ruleSwitches(buffer, RULE_SWITCHES_MOST + 1).reverse();
  const shown = switches.slice(0, RULE_SWITCHES_MOST);
  const counts = ruleCounts(
    buffer,
    shown.map(({ to }) => to),
  );
  return {
    version: rules.set.version,
    loadedAtMs: rules.loadedAtMs,
    folder: folder?.shownAs ?? null,
    files,
    rules: rulesInForce(atWork, folder, new Set(files)),
    refused: rules.refused.map((problem) => wireProblem(problem, folder)),
    warnings: rules.warnings.map((problem) => wireProblem(problem, folder)),
    unmatched: rules.unmatched(),
    history: shown.map(({ atMs, from, to, added, removed, changed }) => {
      return { version: to, from, sinceMs: atMs, count: counts.get(to) ?? null, added, removed, changed };
    }),
    isHistoryCut: switches.length > RULE_SWITCHES_MOST,
  };
}

/** While an agent waits for its first good rules, the page must show what is wrong with them. */
function rulesBeforeStart(folder: EditedFolder | null, files: readonly string[]): WireRules {
  const loaded = folder === null ? null : loadRules(folder.dir, new SensorCatalogue(), folder.shownAs);
  const refused = loaded !== null && "refused" in loaded ? loaded.refused : [];
  return {
    version: null,
    loadedAtMs: null,
    folder: folder?.shownAs ?? null,
    files,
    rules: [],
    refused: refused.map((problem) => wireProblem(problem, folder)),
    warnings: [],
    unmatched: [],
    history: [],
    isHistoryCut: false,
  };
}

function rulesInForce(
  { rules }: RulesAtWork,
  folder: EditedFolder | null,
  files: ReadonlySet<string>,
): readonly WireRule[] {
  const { set } = rules;
  const costs = new Map(set.costs().map((cost) => [cost.rule, cost]));
  const counts = new Map(set.counts().map((count) => [count.rule, count]));
  const broken = new Map(rules.broken().map(({ rule, count }) => [rule, count]));
  return set.rules.map(({ file, ...rule }) => {
    const name = folder === null ? null : nameIn(file, folder);
    const count = counts.get(rule.name);
    const cost = costs.get(rule.name);
    return {
      ...rule,
      file: name !== null && files.has(name) ? name : null,
      sensors: count?.sensors ?? 0,
      readings: count?.readings ?? 0,
      broken: broken.get(rule.name) ?? 0,
      errors: count?.errors ?? 0,
      nsPerReading: cost?.nsPerReading ?? null,
      stateBytes: cost?.stateBytes ?? 0,
    };
  });
}

const SERIES_MOST = 8;
const SENSOR_ID = IDENTITY_COLUMNS.indexOf("sensor_id");

/** Null where no rule of that name is in force. */
export function wireRuleText(parts: EditorParts, name: string): WireRuleText | null {
  const atWork = parts.atWork();
  if (atWork === null) return null;
  const { rules, buffer } = atWork;
  const rule = canonicalRules(rules.set.canonical).find((one) => one.name === name);
  if (rule === undefined) return null;
  const text = JSON.stringify(inOrder(rule), null, 2);
  const read = readRules([{ name, text }]);
  const series = "ok" in read ? read.ok.flatMap((one) => seriesOf(one, buffer.catalogue, parts.profiles())) : [];
  return { name, text: `${text}\n`, series };
}

/** As people write a rule; canonical JSON sorts its keys. */
const KEYS = ["name", "description", "severity", "applies_to", "when", "confirm", "tests"];

function inOrder(rule: CanonicalRule): CanonicalRule {
  const first = KEYS.filter((key) => key in rule).map((key) => [key, rule[key]]);
  return { ...Object.fromEntries(first), ...rule };
}

function seriesOf(
  { appliesTo, condition }: Rule,
  catalogue: SensorCatalogue,
  profiles: readonly Profile[],
): WireRuleText["series"] {
  const units = new Map(profiles.toReversed().flatMap((one) => one.measures.map(({ name, unit }) => [name, unit])));
  const series: { key: string; unit: string | null }[] = [];
  for (const { identity, measures } of catalogue.interned) {
    if (series.length >= SERIES_MOST) break;
    const measure = condition.measures.find((one) => measures.includes(one)) ?? measures[0];
    const id = identity[SENSOR_ID];
    if (measure === undefined || id === null || id === undefined) continue;
    if (condition.measures.length > 0 && !condition.measures.includes(measure)) continue;
    if (appliesTo.matches(identity)) series.push({ key: `${id}\0${measure}`, unit: units.get(measure) ?? null });
  }
  return series;
}

function filesIn({ dir }: EditedFolder): readonly string[] {
  try {
    return ruleFileNames(dir);
  } catch {
    // Why it cannot be read is among the refused.
    return [];
  }
}
