/** Small charts of all sensors, a page at a time; what is on screen is live. */
import { useMemo } from "preact/hooks";
import type { WireSensors } from "../../dashboard/wire.ts";
import { useLimits } from "../chart/use-limits.ts";
import { formatNumber, visibleName } from "../shell/format.ts";
import { Empty, Outside } from "../shell/parts.tsx";
import { grouping, measure, order, page, range, text } from "./asked.ts";
import { SearchControls, TimeControls } from "./controls.tsx";
import { useEpisodeCounts } from "./episode-counts.ts";
import { type OnScreen, useOnScreen } from "./on-screen.ts";
import { grouped, measuresOf, ordered, pageOf, type SeriesGroup, seriesFound } from "./search.ts";
import { SeriesTile, spanNow, useBook } from "./series-tile.tsx";

const PAGE_SIZE = 48;

export function SensorGrid({ listed }: { readonly listed: WireSensors }) {
  const screen = useOnScreen();
  const { sensors } = listed;
  const counts = useEpisodeCounts();
  const series = useMemo(
    () => ordered(seriesFound(sensors, text.value, measure.value), order.value, counts),
    [sensors, text.value, measure.value, order.value, order.value === "anomalies" ? counts : null],
  );
  const pages = Math.max(1, Math.ceil(series.length / PAGE_SIZE));
  const at = Math.min(page.value, pages - 1);
  const groups = pageOf(grouped(series, grouping.value), at, PAGE_SIZE);
  return (
    <>
      <div class="card toolbar sensors-bar">
        <SearchControls measures={measuresOf(sensors)} />
        <TimeControls />
      </div>
      <p class="sensors-count" role="status">
        {formatNumber(series.length)} {series.length === 1 ? "chart" : "charts"} of{" "}
        {formatNumber(new Set(series.map(({ sensor }) => sensor.sensorId)).size)} sensors
        {listed.isCut ? ` · only the ${formatNumber(sensors.length)} sensors with the newest readings are listed` : ""}
      </p>
      {series.length === 0 ? <NothingFound /> : <Groups groups={groups} screen={screen} />}
      {pages > 1 ? <Pages at={at} pages={pages} /> : null}
    </>
  );
}

function Groups({ groups, screen }: { readonly groups: readonly SeriesGroup[]; readonly screen: OnScreen }) {
  const book = useBook(screen, "small");
  const shown = screen.keys.value;
  const limits = useLimits([...shown]);
  const span = spanNow(book, shown, range.value);
  return (
    <>
      {groups.map(({ title, series }) => (
        <section key={title ?? ""} class="sensors-group" aria-label={visibleName(title ?? "Charts")}>
          {title === null ? null : (
            <h2>
              <Outside text={title} />
            </h2>
          )}
          <div class="sensors-grid">
            {series.map((one) => (
              <SeriesTile
                key={one.key}
                series={one}
                book={book}
                screen={screen}
                limits={limits.get(one.key) ?? []}
                span={span}
              />
            ))}
          </div>
        </section>
      ))}
    </>
  );
}

function NothingFound() {
  return (
    <Empty>
      No series has all of these words in its sensor's id, type or location, or in its measure.{" "}
      <button
        type="button"
        onClick={() => {
          text.value = "";
          measure.value = null;
        }}
      >
        Show all
      </button>
    </Empty>
  );
}

function Pages({ at, pages }: { readonly at: number; readonly pages: number }) {
  const go = (to: number) => {
    page.value = to;
    scrollTo({ top: 0 });
  };
  return (
    <nav class="sensors-pages" aria-label="Pages of charts">
      <button type="button" disabled={at === 0} onClick={() => go(at - 1)}>
        Previous
      </button>
      <span>
        page {formatNumber(at + 1)} of {formatNumber(pages)}
      </span>
      <button type="button" disabled={at === pages - 1} onClick={() => go(at + 1)}>
        Next
      </button>
    </nav>
  );
}
