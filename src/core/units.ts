/** Units that a mapping can convert, by quantity: a value in the unit times `scale` plus `offset` is in the base unit. */
type Linear = { readonly scale: number; readonly offset: number };
type Quantity = { readonly quantity: string; readonly names: readonly string[] } & Linear;

const unit = (quantity: string, scale: number, offset: number, ...names: string[]): Quantity => {
  return { quantity, names, scale, offset };
};

const UNITS: readonly Quantity[] = [
  unit("temperature", 1, 0, "°C", "degC", "C", "Cel", "celsius"),
  unit("temperature", 5 / 9, -160 / 9, "°F", "degF", "F", "fahrenheit"),
  unit("temperature", 1, -273.15, "K", "kelvin"),
  unit("pressure", 1, 0, "hPa", "mbar", "millibar", "hectopascal"),
  unit("pressure", 0.01, 0, "Pa", "pascal"),
  unit("pressure", 10, 0, "kPa", "kilopascal"),
  unit("pressure", 1_000, 0, "bar"),
  unit("pressure", 1_013.25, 0, "atm"),
  unit("pressure", 33.8638866667, 0, "inHg"),
  unit("pressure", 1.33322387415, 0, "mmHg"),
  unit("pressure", 68.9475729318, 0, "psi"),
  unit("acceleration", 1, 0, "mm/s²", "mm/s2"),
  unit("acceleration", 1_000, 0, "m/s²", "m/s2"),
  unit("acceleration", 9_806.65, 0, "g"),
  unit("speed", 1, 0, "m/s"),
  unit("speed", 1 / 3.6, 0, "km/h"),
  unit("speed", 0.44704, 0, "mph"),
  unit("speed", 1_852 / 3_600, 0, "kn", "knot"),
  unit("voltage", 1, 0, "V", "volt"),
  unit("voltage", 0.001, 0, "mV", "millivolt"),
  unit("voltage", 1_000, 0, "kV"),
  unit("current", 1, 0, "A", "ampere"),
  unit("current", 0.001, 0, "mA"),
  unit("power", 1, 0, "kW", "kilowatt"),
  unit("power", 0.001, 0, "W", "watt"),
  unit("power", 1_000, 0, "MW", "megawatt"),
  unit("share", 1, 0, "%", "%RH", "percent"),
  unit("share", 100, 0, "1", "fraction", "ratio"),
  unit("share", 0.0001, 0, "ppm"),
  unit("share", 0.0000001, 0, "ppb"),
  unit("length", 1, 0, "m", "metre", "meter"),
  unit("length", 0.001, 0, "mm"),
  unit("length", 0.01, 0, "cm"),
  unit("length", 1_000, 0, "km"),
  unit("length", 0.3048, 0, "ft", "foot"),
  unit("rotation", 1, 0, "rpm", "1/min"),
  unit("rotation", 60, 0, "Hz", "1/s"),
  unit("rotation", 30 / Math.PI, 0, "rad/s"),
  unit("angle", 1, 0, "°", "deg", "degree"),
  unit("angle", 180 / Math.PI, 0, "rad", "radian"),
  unit("illuminance", 1, 0, "lx", "lux"),
  unit("illuminance", 10.7639104167, 0, "fc", "footcandle"),
];

const BY_NAME = new Map(UNITS.flatMap((each) => each.names.map((name) => [name, each] as const)));

export const UNIT_NAMES: readonly string[] = [...BY_NAME.keys()];

/** How to go from one named unit to another; null where a name is unknown or they measure different things. */
export function conversionOf(from: string, to: string): Linear | null {
  if (from === to) return { scale: 1, offset: 0 };
  const source = BY_NAME.get(from);
  const target = BY_NAME.get(to);
  if (source === undefined || target === undefined || source.quantity !== target.quantity) return null;
  return { scale: source.scale / target.scale, offset: (source.offset - target.offset) / target.scale };
}
