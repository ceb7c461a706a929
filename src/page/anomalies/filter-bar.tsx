/** Severity, rule, sensor, open only. */
import { SEVERITIES } from "../../core/reading.ts";
import type { EpisodeFilter } from "./feed.ts";

export function FilterBar(props: {
  readonly filter: EpisodeFilter;
  readonly rules: readonly string[];
  readonly onChange: (changes: Partial<EpisodeFilter>) => void;
}) {
  const { filter, onChange } = props;
  // A rule that was chosen stays, though no anomaly of it is left.
  const rules = filter.rule === null || props.rules.includes(filter.rule) ? props.rules : [filter.rule, ...props.rules];
  return (
    <div class="card toolbar anomalies-bar">
      <label>
        Severity{" "}
        <select
          value={filter.severity ?? ""}
          onChange={(event) => {
            const { value } = event.currentTarget;
            onChange({ severity: SEVERITIES.find((one) => one === value) ?? null });
          }}
        >
          <option value="">all</option>
          {SEVERITIES.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label>
        Rule{" "}
        <select
          value={filter.rule ?? ""}
          onChange={(event) => onChange({ rule: event.currentTarget.value === "" ? null : event.currentTarget.value })}
        >
          <option value="">all</option>
          {rules.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <input
        type="search"
        placeholder="Sensor"
        aria-label="Part of a sensor's id"
        value={filter.sensor}
        onInput={(event) => onChange({ sensor: event.currentTarget.value })}
      />
      <label class="anomalies-open">
        <input
          type="checkbox"
          checked={filter.openOnly}
          onChange={(event) => onChange({ openOnly: event.currentTarget.checked })}
        />{" "}
        open only
      </label>
    </div>
  );
}
