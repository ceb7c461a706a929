/** A map and a profile to start from: both are valid as they are, and say what to change. */
import { envExample } from "../../core/settings/example.ts";

const ENV_HEAD = [
  "# The settings of an agent that is started in this folder. All are commented out; each shows its default.",
  "# For sensors of your own begin with AGENT_SOURCE, AGENT_PROFILE=profile.json and AGENT_MAP=map.json.",
  "# The environment wins over this file, a flag wins over both: `agent config show` says which.",
].join("\n");

export function envFile(): string {
  return envExample(ENV_HEAD);
}

/** The measures of the shipped profile `environmental`, so that the shipped rules fit. */
export const PROFILE_START = {
  name: "my-sensors",
  description: "What these sensors measure: one entry for each column, with its unit and what is plausible",
  measures: [
    { name: "temperature", unit: "°C", plausible: [-20, 60] },
    { name: "humidity", unit: "%RH", plausible: [5, 95] },
    { name: "pressure", unit: "hPa", plausible: [950, 1050] },
    { name: "vibration", unit: "mm/s²", plausible: [0, 10] },
    { name: "voltage", unit: "V", plausible: [20, 25] },
  ],
};

/** Names as they are in many rows; each is to be replaced by the name that the user's rows have. */
export const MAP_START = {
  fields: {
    time: "timestamp",
    device: "sensor_id",
    temp_f: { to: "temperature", unit: "°F" },
    rh: "humidity",
    pressure_pa: { to: "pressure", scale: 0.01 },
    volts: "voltage",
  },
  timestamp: { format: "iso", zone: "UTC" },
  constants: { sensor_type: "my-sensors" },
  drop: ["row_number"],
  absent: ["NA", "nan", -999],
  text_numbers: true,
};
