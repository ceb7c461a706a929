/** The measures and sensors that the agent knows, asked for when the editor is first opened. */
import type { WireSensor, WireSensors } from "../../dashboard/wire.ts";
import { getJson } from "../shell/api.ts";
import { type KnownWord, type KnownWords, NO_WORDS } from "./completion.ts";

/** Of one kind: a list for people, not all of them. */
const WORDS_MOST = 500;

let words: KnownWords = NO_WORDS;
let isAsked = false;

/** None until they came, or where the agent cannot say. */
export function knownWords(): KnownWords {
  if (!isAsked) {
    isAsked = true;
    getJson<WireSensors>("/api/sensors").then(
      ({ sensors }) => {
        words = wordsOf(sensors);
      },
      () => {
        isAsked = false;
      },
    );
  }
  return words;
}

function wordsOf(sensors: readonly WireSensor[]): KnownWords {
  const measures = new Map<string, KnownWord>();
  for (const sensor of sensors) {
    for (const { name, unit } of sensor.measures) measures.set(name, { word: name, about: unit ?? "" });
  }
  return {
    measures: [...measures.values()].slice(0, WORDS_MOST),
    identities: {
      sensor_id: counted(sensors, ({ sensorId }) => sensorId),
      sensor_type: counted(sensors, ({ sensorType }) => sensorType),
      location: counted(sensors, ({ location }) => location),
    },
  };
}

function counted(sensors: readonly WireSensor[], value: (sensor: WireSensor) => string | null): readonly KnownWord[] {
  const groups = Map.groupBy(sensors, value);
  return [...groups].slice(0, WORDS_MOST).flatMap(([word, some]) => {
    if (word === null) return [];
    return [{ word, about: some.length === 1 ? "" : `${some.length} sensors` }];
  });
}
