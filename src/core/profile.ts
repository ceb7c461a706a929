/**
 * A profile says which measures a kind of sensor has: data, shipped as JSON or given by the user as a file. The
 * simulator reads the `simulate` parts; everything else needs only names, units and plausible ranges.
 */
export type Measure = {
  /** A lower-case identifier, `[a-z][a-z0-9_]{0,63}`: the column's name. */
  readonly name: string;
  /** UCUM or common notation, for people: `°C`, `%RH`, `mm/s²`. */
  readonly unit: string;
  /** What such a sensor can plausibly report; used by the simulator and by checks of rules, never to drop a reading. */
  readonly plausible: readonly [min: number, max: number];
  /** Parameters of the simulation's model; its shape is the simulator's. */
  readonly simulate?: unknown;
};

export type Profile = {
  readonly name: string;
  readonly description: string;
  readonly measures: readonly Measure[];
  /** Facts of the machine that is measured, unit in the name: `rotor_diameter_m`. For people and derived columns. */
  readonly parameters?: Readonly<Record<string, number>>;
  /** Identity variants for simulated sensors (models, firmware versions, locations); its shape is the simulator's. */
  readonly simulate?: unknown;
};
