/** The view "Sensors": small charts of all, or one sensor with all of its measures. */
import { useEffect } from "preact/hooks";
import type { WireSensors } from "../../dashboard/wire.ts";
import { changed } from "../shell/live.ts";
import { Empty, Loading, ProblemRow } from "../shell/parts.tsx";
import { place } from "../shell/place.ts";
import { useRoute } from "../shell/use-route.ts";
import { pausedAtMs } from "./asked.ts";
import { SensorGrid } from "./sensor-grid.tsx";
import { SensorPage } from "./sensor-page.tsx";

/** Whether a sensor is silent changes without a word: no more than this late. */
const EVERY_MS = 10_000;

export default function Sensors() {
  const { value, problem } = useRoute<WireSensors>("/api/sensors", {}, EVERY_MS, changed.value?.sensors ?? null);
  const id = place.value[1] ?? "";
  // Whoever comes back to the view finds it live.
  useEffect(
    () => () => {
      pausedAtMs.value = null;
    },
    [],
  );
  return (
    <>
      {problem === null ? null : <ProblemRow problem={problem} />}
      {value === null ? (
        problem === null && <Loading what="sensors" />
      ) : id !== "" ? (
        <SensorPage key={id} id={id} listed={value} />
      ) : value.sensors.length === 0 ? (
        <NoSensors />
      ) : (
        <SensorGrid listed={value} />
      )}
    </>
  );
}

function NoSensors() {
  return (
    <Empty>
      No sensor has sent a reading yet. The agent reads the sources that <code>--source</code> names, as{" "}
      <code>mqtt://HOST:1883/TOPIC</code> or <code>stdin:</code>; the view Now says what it waits for. To see charts at
      once, run <code>agent demo</code>.
    </Empty>
  );
}
