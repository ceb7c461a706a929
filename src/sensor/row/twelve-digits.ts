/** Rounding of converted values: twelve digits are more than any sensor has. */

const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
const DIGITS = 12;
/** The product below is off by less than 1e-3 of a unit, so nearer to a half only the decimal text can decide. */
const UNSURE = 1e-3;

/** Number(value.toPrecision(12)), mostly without making text of it. */
export function twelveDigits(value: number): number {
  const size = Math.abs(value);
  // Also NaN, 0 and infinity.
  if (!(size >= 1e-9 && size < 1e12)) return Number(value.toPrecision(DIGITS));
  const decimals = DIGITS - 1 - Math.floor(Math.log10(size));
  const scaled = size * POWERS[decimals]!;
  const whole = Math.floor(scaled);
  const rest = scaled - whole - 0.5;
  // The logarithm may round to the next power, for which there may be no entry.
  const isSure = Math.abs(rest) >= UNSURE && whole >= 1e11 && whole < 1e12;
  if (!isSure) return Number(value.toPrecision(DIGITS));
  // Both are exact doubles, so the quotient is the double nearest to the decimal (W. D. Clinger, 1990).
  const rounded = (rest < 0 ? whole : whole + 1) / POWERS[decimals]!;
  return value < 0 ? -rounded : rounded;
}
