/** The foot of the page: the zone of all times, and what the agent itself costs. */
import { formatBytes, formatShare, zone } from "./format.ts";
import { state } from "./live.ts";

const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function Foot() {
  const now = state.value;
  return (
    <footer>
      <ZoneChoice />
      {now === null ? null : (
        <p>
          agent {now.status?.agent_version ?? ""} · {formatBytes(now.residentBytes)} of memory ·{" "}
          {formatShare(now.cpuShare)} of a processor core
        </p>
      )}
    </footer>
  );
}

export function ZoneChoice() {
  return (
    <label>
      Times in{" "}
      <select
        value={zone.value}
        onChange={(event) => {
          zone.value = event.currentTarget.value;
        }}
      >
        <option value="UTC">UTC</option>
        <option value="local">my zone ({here})</option>
        <optgroup label="Other zones">
          {Intl.supportedValuesOf("timeZone").map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </optgroup>
      </select>
    </label>
  );
}
