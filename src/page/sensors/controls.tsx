/** Search, groups, order, time and pause. */
import { batch } from "@preact/signals";
import { agentNowMs } from "../chart/series-book.ts";
import { formatTime, visibleName } from "../shell/format.ts";
import { grouping, measure, order, page, pausedAtMs, RANGES, range, text } from "./asked.ts";
import { GROUPINGS, type Grouping, ORDERS, type Order } from "./search.ts";

const GROUPING_TITLES: Record<Grouping, string> = { none: "no groups", location: "location", type: "type" };
const ORDER_TITLES: Record<Order, string> = { name: "name", anomalies: "most anomalies" };

export function SearchControls(props: { readonly measures: readonly string[] }) {
  return (
    <>
      <input
        type="search"
        class="sensors-search"
        placeholder="Search: id, type, location, measure"
        aria-label="Search sensors by id, type, location or measure"
        value={text.value}
        onInput={(event) => {
          const { value } = event.currentTarget;
          batch(() => {
            text.value = value;
            page.value = 0;
          });
        }}
      />
      <label>
        Measure{" "}
        <select
          value={measure.value ?? ""}
          onChange={(event) => {
            const { value } = event.currentTarget;
            batch(() => {
              measure.value = value === "" ? null : value;
              page.value = 0;
            });
          }}
        >
          <option value="">all</option>
          {props.measures.map((name) => (
            <option key={name} value={name}>
              {visibleName(name)}
            </option>
          ))}
        </select>
      </label>
      <Choice label="Group by" names={GROUPINGS} titles={GROUPING_TITLES} chosen={grouping} />
      <Choice label="Sort by" names={ORDERS} titles={ORDER_TITLES} chosen={order} />
    </>
  );
}

function Choice<T extends string>(props: {
  readonly label: string;
  readonly names: readonly T[];
  readonly titles: Record<T, string>;
  readonly chosen: { value: T };
}) {
  return (
    <label>
      {props.label}{" "}
      <select
        value={props.chosen.value}
        onChange={(event) => {
          const name = props.names.find((one) => one === event.currentTarget.value);
          if (name === undefined) return;
          batch(() => {
            props.chosen.value = name;
            page.value = 0;
          });
        }}
      >
        {props.names.map((name) => (
          <option key={name} value={name}>
            {props.titles[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The time that charts show, and whether they move. */
export function TimeControls() {
  const paused = pausedAtMs.value;
  return (
    <>
      <fieldset class="choices">
        <legend class="hidden">Time</legend>
        {RANGES.map((one) => (
          <button
            key={one.name}
            type="button"
            aria-pressed={one === range.value}
            onClick={() => {
              range.value = one;
            }}
          >
            {one.title}
          </button>
        ))}
      </fieldset>
      <button
        type="button"
        class="sensors-pause"
        aria-pressed={paused !== null}
        onClick={() => {
          pausedAtMs.value = paused === null ? agentNowMs() : null;
        }}
      >
        {paused === null ? "Pause" : `Resume · paused ${formatTime(paused)}`}
      </button>
    </>
  );
}
