/** Every setting, its value and where it came from. */
import { useState } from "preact/hooks";
import type { WireSettings } from "../../dashboard/wire.ts";
import { Badge, Card, Empty, Loading, ProblemRow } from "../shell/parts.tsx";
import { type Column, SortedTable } from "../shell/sorted-table.tsx";
import { useRoute } from "../shell/use-route.ts";

type Setting = WireSettings[number];

const COLUMNS: readonly Column<Setting>[] = [
  {
    name: "name",
    title: "Setting",
    kind: "text",
    sortBy: ({ name }) => name,
    show: ({ name, about }) => (
      <>
        <strong>{name}</strong>
        <p class="quiet about">{about}</p>
      </>
    ),
  },
  {
    name: "value",
    title: "Value",
    sortBy: ({ value }) => value,
    show: (setting) => <SettingValue setting={setting} />,
  },
  {
    name: "from",
    title: "From",
    sortBy: ({ from }) => from,
    show: ({ from }) => (from === "default" ? <span class="quiet">default</span> : <Badge tone="info">{from}</Badge>),
  },
];

function SettingValue({ setting }: { readonly setting: Setting }) {
  const { value, fallback, from, isSecret } = setting;
  if (isSecret) return <span class="quiet">{value === null ? "not set" : "set; the agent does not show it"}</span>;
  return (
    <>
      {value === null ? <span class="quiet">not set</span> : <code>{value}</code>}
      {from === "default" || fallback === value ? null : (
        <p class="quiet">default: {fallback === null ? "not set" : fallback}</p>
      )}
    </>
  );
}

export default function Settings() {
  const { value, problem } = useRoute<WireSettings>("/api/settings");
  const [search, type] = useState("");
  const [isGivenOnly, onlyGiven] = useState(false);
  if (value === null) return problem === null ? <Loading what="settings" /> : <ProblemRow problem={problem} />;
  const given = value.filter(({ from }) => from !== "default");
  const shown = (isGivenOnly ? given : value).filter((setting) => isFound(setting, search));
  return (
    <Card
      title="Settings"
      aside={`${given.length} given, ${value.length - given.length} by default; shown: ${shown.length}`}
    >
      <div class="toolbar">
        <label>
          Search{" "}
          <input
            type="search"
            value={search}
            placeholder="name, value or meaning"
            onInput={(event) => type(event.currentTarget.value)}
          />
        </label>
        <label>
          <input type="checkbox" checked={isGivenOnly} onChange={(event) => onlyGiven(event.currentTarget.checked)} />{" "}
          only those that are given
        </label>
      </div>
      {shown.length === 0 ? (
        <Empty>No setting matches.</Empty>
      ) : (
        <SortedTable label="All settings" columns={COLUMNS} rows={shown} keyOf={({ name }) => name} />
      )}
      <p class="quiet">
        Flags win over the environment, the environment over <code>.env</code>, <code>.env</code> over defaults. To
        change one, edit <code>.env</code> and restart the agent.
      </p>
    </Card>
  );
}

/** All words of the search, anywhere in it. */
function isFound({ name, value, about, from }: Setting, search: string): boolean {
  const text = `${name} ${value ?? ""} ${about} ${from}`.toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
