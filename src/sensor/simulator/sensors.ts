/** The sensors of a simulation: all sixteen identity columns, from the profile's lists, the seed and the sensor's number. */
import type { Profile } from "../../core/profile.ts";
import { between, hashAt, mix, pick, unit } from "../../core/random.ts";
import { IDENTITY_COLUMNS, type Identity, type IdentityColumn } from "../../core/sensor.ts";
import { MS_PER_DAY } from "../../core/time/duration.ts";
import { loadProfile } from "../profile/shipped.ts";
import { type Fleet, fleetOf } from "../profile/simulation.ts";
import type { Place } from "./signal.ts";

export type SimulatedSensor = { readonly identity: Identity; readonly place: Place };

const FIRST_MADE_MS = Date.UTC(2021, 0, 4);
/** Degrees: sensors of one site are within about two kilometres. */
const SITE_RADIUS = 0.02;
const ID_BITS = 24;

export function simulatedSensors(profile: Profile, seed: number, count: number): readonly SimulatedSensor[] {
  const fleet = fleetOf(profile) ?? fleetOf(loadProfile("environmental"));
  if (fleet === undefined) throw new Error("the environmental profile has no sensors");
  const root = hashAt(0x73656564, seed);
  return Array.from({ length: count }, (_, i) => simulatedSensor(profile, fleet, root, i));
}

function simulatedSensor(profile: Profile, fleet: Fleet, root: number, i: number): SimulatedSensor {
  const sensorKey = hashAt(root, i);
  const chance = (n: number) => mix(sensorKey + n);
  // Sites take turns, from one that the seed chooses: few sensors are at different sites, many share each site.
  const siteNumber = ((root >>> 0) + i) % fleet.locations.length;
  const site = fleet.locations[siteNumber];
  if (site === undefined) throw new Error("a fleet has at least one location");
  const maker = pick(chance(1), fleet.manufacturers);
  const near = (n: number, degrees: number) => rounded(degrees + (unit(chance(n)) * 2 - 1) * SITE_RADIUS, 5);
  const latitude = Math.max(-90, Math.min(90, near(2, site.latitude)));
  const longitude = Math.max(-180, Math.min(180, near(3, site.longitude)));
  const madeMs = FIRST_MADE_MS + between(chance(4), 0, 1_200) * MS_PER_DAY;
  const [low, high] = fleet.heightMeters;
  // An odd factor permutes the numbers below 2^24, so no two sensors of a seed share an id.
  const id = hex((Math.imul(i, 0x9e3779b1) + root) & (2 ** ID_BITS - 1), 6);
  const columns: Record<IdentityColumn, string | number> = {
    sensor_id: `${site.code}_${id}`,
    firmware_version: pick(chance(5), maker.firmware),
    model: pick(chance(6), maker.models),
    manufacturer: maker.name,
    location: site.name,
    latitude,
    longitude,
    original_timezone: site.timezone,
    serial_number: `SN-${hex(chance(7), 8)}`,
    manufacture_date: day(madeMs),
    deployment_type: pick(chance(8), fleet.deployments),
    installation_date: day(madeMs + between(chance(9), 20, 300) * MS_PER_DAY),
    height_meters: rounded(low + unit(chance(10)) * (high - low), 1),
    orientation_degrees: between(chance(11), 0, 359),
    instance_id: `sim-${hex(root, 8).toLowerCase()}-${i + 1}`,
    sensor_type: profile.name,
  };
  return {
    identity: IDENTITY_COLUMNS.map((name) => columns[name]),
    place: { latitude, longitude, offsets: site.offsets, sensorKey, siteKey: hashAt(mix(root), siteNumber) },
  };
}

function hex(n: number, digits: number): string {
  return (n >>> 0).toString(16).toUpperCase().padStart(digits, "0").slice(-digits);
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}
