/** Units that a mapping can convert, by quantity: a value in the unit times `scale` plus `offset` is in the base unit. */
export type Linear = { readonly scale: number; readonly offset: number };
type Unit = { readonly quantity: string; readonly names: readonly string[] } & Linear;

const unit = (quantity: string, scale: number, offset: number, ...names: string[]): Unit => {
  return { quantity, names, scale, offset };
};

/** A name may be of several quantities: `g` is an acceleration and a mass. It has one meaning beside another unit. */
const UNITS: readonly Unit[] = [
  unit("temperature", 1, 0, "°C", "C°", "degC", "deg C", "°c", "ºC", "℃", "C", "c", "Cel", "celsius", "centigrade"),
  unit("temperature", 5 / 9, -160 / 9, "°F", "F°", "degF", "deg F", "°f", "ºF", "℉", "F", "f", "fahrenheit"),
  unit("temperature", 1, -273.15, "K", "°K", "kelvin"),
  unit("pressure", 1, 0, "hPa", "hpa", "mbar", "mb", "millibar", "hectopascal"),
  unit("pressure", 0.01, 0, "Pa", "pascal"),
  unit("pressure", 10, 0, "kPa", "kilopascal"),
  unit("pressure", 10_000, 0, "MPa", "megapascal"),
  unit("pressure", 1_000, 0, "bar"),
  unit("pressure", 1_013.25, 0, "atm"),
  unit("pressure", 33.8638866667, 0, "inHg", "in Hg"),
  unit("pressure", 1.33322387415, 0, "mmHg", "mm Hg", "torr"),
  unit("pressure", 68.9475729318, 0, "psi", "PSI"),
  unit("pressure", 980.665, 0, "kgf/cm²", "kgf/cm2", "kgf/cm^2", "kp/cm²", "kp/cm2"),
  unit("acceleration", 1, 0, "mm/s²", "mm/s2", "mm/s^2"),
  unit("acceleration", 1_000, 0, "m/s²", "m/s2", "m/s^2"),
  unit("acceleration", 9_806.65, 0, "g", "gn", "g0"),
  unit("acceleration", 9.80665, 0, "mg", "mgn"),
  unit("speed", 1, 0, "m/s", "mps"),
  unit("speed", 0.01, 0, "cm/s"),
  unit("speed", 0.001, 0, "mm/s"),
  unit("speed", 1 / 3.6, 0, "km/h", "kmh", "kph", "kmph"),
  unit("speed", 0.44704, 0, "mph", "mi/h"),
  unit("speed", 0.3048, 0, "ft/s", "fps"),
  unit("speed", 1_852 / 3_600, 0, "kn", "kt", "kts", "knot", "knots"),
  unit("voltage", 1, 0, "V", "volt", "volts"),
  unit("voltage", 0.001, 0, "mV", "millivolt", "millivolts"),
  unit("voltage", 0.000001, 0, "µV", "uV"),
  unit("voltage", 1_000, 0, "kV", "kilovolt"),
  unit("current", 1, 0, "A", "ampere", "amperes", "amp", "amps"),
  unit("current", 0.001, 0, "mA", "milliampere", "milliamps"),
  unit("current", 0.000001, 0, "µA", "uA"),
  unit("current", 1_000, 0, "kA"),
  unit("power", 1, 0, "kW", "kilowatt", "kilowatts"),
  unit("power", 0.001, 0, "W", "watt", "watts"),
  unit("power", 0.000001, 0, "mW", "milliwatt", "milliwatts"),
  unit("power", 1_000, 0, "MW", "megawatt", "megawatts"),
  unit("power", 1_000_000, 0, "GW", "gigawatt"),
  unit("power", 0.745699871582, 0, "hp", "HP", "horsepower"),
  unit("apparent power", 1, 0, "VA"),
  unit("apparent power", 1_000, 0, "kVA"),
  unit("apparent power", 1_000_000, 0, "MVA"),
  unit("reactive power", 1, 0, "var", "VAr", "VAR"),
  unit("reactive power", 1_000, 0, "kvar", "kVAr", "kVAR"),
  unit("reactive power", 1_000_000, 0, "Mvar", "MVAr", "MVAR"),
  unit("energy", 1, 0, "kWh", "kwh", "KWh", "KWH", "kilowatt hours"),
  unit("energy", 0.001, 0, "Wh", "watt hours"),
  unit("energy", 1_000, 0, "MWh"),
  unit("energy", 1_000_000, 0, "GWh"),
  unit("energy", 1 / 3_600_000, 0, "J", "joule"),
  unit("energy", 1 / 3_600, 0, "kJ"),
  unit("energy", 1 / 3.6, 0, "MJ"),
  unit("energy", 1 / 0.0036, 0, "GJ"),
  unit("charge", 1, 0, "Ah"),
  unit("charge", 0.001, 0, "mAh"),
  unit("charge", 1 / 3_600, 0, "C", "coulomb"),
  unit("resistance", 1, 0, "Ω", "Ω", "Ohm", "ohm", "ohms"),
  unit("resistance", 1_000, 0, "kΩ", "kΩ", "kOhm", "kohm"),
  unit("resistance", 1_000_000, 0, "MΩ", "MΩ", "MOhm", "Mohm"),
  unit(
    "share",
    1,
    0,
    "%",
    "%RH",
    "% RH",
    "%rH",
    "% rH",
    "%rF",
    "% rF",
    "%r.F.",
    "% r.F.",
    "RH%",
    "%EL",
    "percent",
    "pct",
    "/100",
  ),
  unit("share", 100, 0, "1", "/", "EL", "fraction", "ratio"),
  unit("share", 0.1, 0, "‰", "permille", "/1000"),
  unit("share", 0.0001, 0, "ppm"),
  unit("share", 0.0000001, 0, "ppb"),
  unit("mass per volume", 1, 0, "µg/m³", "µg/m3", "ug/m³", "ug/m3", "µg/m^3", "ug/m^3"),
  unit("mass per volume", 1_000, 0, "mg/m³", "mg/m3", "mg/m^3", "µg/l", "ug/l", "µg/L", "ug/L"),
  unit("mass per volume", 1_000_000, 0, "g/m³", "g/m3", "g/m^3", "mg/l", "mg/L"),
  unit("mass per volume", 1_000_000_000, 0, "kg/m³", "kg/m3", "kg/m^3", "g/l", "g/L"),
  unit("mass", 1, 0, "kg", "kilogram"),
  unit("mass", 0.001, 0, "g", "gram", "grams"),
  unit("mass", 0.000001, 0, "mg", "milligram"),
  unit("mass", 1_000, 0, "t", "tonne", "tonnes"),
  unit("mass", 0.45359237, 0, "lb", "lbs", "pound"),
  unit("mass", 0.028349523125, 0, "oz", "ounce"),
  unit("length", 1, 0, "m", "metre", "meter", "metres", "meters"),
  unit("length", 0.000001, 0, "µm", "um"),
  unit("length", 0.001, 0, "mm", "millimetre", "millimeter", "l/m²", "L/m²", "l/m2", "L/m2", "l/m^2", "L/m^2"),
  unit("length", 0.01, 0, "cm", "centimetre", "centimeter"),
  unit("length", 1_000, 0, "km", "kilometre", "kilometer"),
  unit("length", 0.0254, 0, "in", "inch", "inches"),
  unit("length", 0.3048, 0, "ft", "foot", "feet"),
  unit("length", 1_609.344, 0, "mi", "mile", "miles"),
  unit("volume", 1, 0, "m³", "m3", "m^3"),
  unit("volume", 0.001, 0, "l", "L", "litre", "liter", "litres", "liters"),
  unit("volume", 0.000001, 0, "ml", "mL", "millilitre", "milliliter"),
  unit("volume", 0.003785411784, 0, "gal", "gallon", "gallons"),
  unit("flow", 1, 0, "m³/h", "m3/h", "m^3/h"),
  unit("flow", 3_600, 0, "m³/s", "m3/s", "m^3/s"),
  unit("flow", 0.001, 0, "l/h", "L/h"),
  unit("flow", 0.06, 0, "l/min", "L/min", "lpm"),
  unit("flow", 3.6, 0, "l/s", "L/s"),
  unit("rain rate", 1, 0, "mm/h", "mm/hr"),
  unit("rain rate", 25.4, 0, "in/h", "in/hr"),
  unit("irradiance", 1, 0, "W/m²", "W/m2", "W/m^2"),
  unit("irradiance", 1_000, 0, "kW/m²", "kW/m2", "kW/m^2"),
  unit("conductivity", 1, 0, "µS/cm", "uS/cm"),
  unit("conductivity", 1_000, 0, "mS/cm"),
  unit("conductivity", 10_000, 0, "S/m"),
  unit("rotation", 1, 0, "rpm", "RPM", "r/min", "U/min", "1/min"),
  unit("rotation", 60, 0, "Hz", "hz", "1/s", "hertz"),
  unit("rotation", 0.06, 0, "mHz"),
  unit("rotation", 60_000, 0, "kHz"),
  unit("rotation", 60_000_000, 0, "MHz"),
  unit("rotation", 60_000_000_000, 0, "GHz"),
  unit("rotation", 30 / Math.PI, 0, "rad/s"),
  unit("angle", 1, 0, "°", "º", "deg", "degree", "degrees", "lat", "lon"),
  unit("angle", 180 / Math.PI, 0, "rad", "radian", "radians"),
  unit("illuminance", 1, 0, "lx", "lux"),
  unit("illuminance", 1_000, 0, "klx"),
  unit("illuminance", 10.7639104167, 0, "fc", "footcandle"),
  unit("time", 1, 0, "s", "sec", "second", "seconds"),
  unit("time", 0.001, 0, "ms", "millisecond", "milliseconds"),
  unit("time", 0.000001, 0, "µs", "us", "microsecond", "microseconds"),
  unit("time", 60, 0, "min", "minute", "minutes"),
  unit("time", 3_600, 0, "h", "hr", "hour", "hours"),
  unit("time", 86_400, 0, "d", "day", "days"),
];

/** A whole word, which is the same unit in any case: `Celsius`. `MW` and `mW` are not. */
const WORD = /^\p{L}{4,}(?: \p{L}+)*$/u;

const BY_NAME = Map.groupBy(
  UNITS.flatMap((each) => each.names.map((name) => [name, each] as const)),
  ([name]) => name,
);

export const UNIT_NAMES: readonly string[] = [...BY_NAME.keys()];

/** Every unit that has this name. */
function unitsOf(name: string): readonly Unit[] {
  const plain = plainName(name);
  const found = BY_NAME.get(plain) ?? (WORD.test(plain) ? BY_NAME.get(plain.toLowerCase()) : undefined);
  return found === undefined ? [] : found.map(([, each]) => each);
}

/** As programs and keyboards write it: one blank for several, and one of the two signs that look like µ. */
function plainName(name: string): string {
  return name.trim().replace(/\s+/gu, " ").replace(/μ/gu, "µ");
}

export function isUnit(name: string): boolean {
  return unitsOf(name).length > 0;
}

/** How to go from one named unit to another; null where a name is unknown or they measure different things. */
export function conversionOf(from: string, to: string): Linear | null {
  if (plainName(from) === plainName(to)) return { scale: 1, offset: 0 };
  const targets = unitsOf(to);
  for (const source of unitsOf(from)) {
    const target = targets.find(({ quantity }) => quantity === source.quantity);
    if (target === undefined) continue;
    return { scale: source.scale / target.scale, offset: (source.offset - target.offset) / target.scale };
  }
  return null;
}
