/** The words of timestamps: names of months, of days and of zones. */
import { SPACE } from "../../core/ascii.ts";

/** Offsets in ms by the name that timestamps have for them. */
export type ZoneNames = ReadonlyMap<string, number>;

export const MONTHS = "january february march april may june july august september october november december".split(
  " ",
);
export const DAYS = "monday tuesday wednesday thursday friday saturday sunday".split(" ");
const UTC_NAMES = ["UTC", "GMT", "Z"];

export type ZoneWord = { readonly name: Uint8Array; readonly offsetMs: number; readonly isAnyCase: boolean };

/** Names of zones, and UTC: the longest first, so that CEST is not read as CES and a T that is left over. */
export function zoneWords(zones: ZoneNames): readonly ZoneWord[] {
  const words = [
    ...Array.from(zones, ([name, offsetMs]) => ({ name: bytesOf(name), offsetMs, isAnyCase: false })),
    ...UTC_NAMES.map((name) => ({ name: bytesOf(name), offsetMs: 0, isAnyCase: true })),
  ];
  return words.sort((a, b) => b.name.length - a.name.length);
}

/** The number, from 1, of an English name: whole, or its first three letters, in any case. 0: it is none. */
export function nameAt(names: readonly string[], bytes: Uint8Array, from: number, to: number): number {
  const length = to - from;
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const isLong = length === name.length || (length === 4 && name === "september");
    if (length !== 3 && !isLong) continue;
    let at = 0;
    while (at < length && (bytes[from + at]! | SPACE) === name.charCodeAt(at)) at++;
    if (at === length) return i + 1;
  }
  return 0;
}

export function startsWith(bytes: Uint8Array, from: number, to: number, { name, isAnyCase }: ZoneWord): boolean {
  if (from + name.length > to) return false;
  for (let i = 0; i < name.length; i++) {
    const code = bytes[from + i]!;
    if (code !== name[i] && !(isAnyCase && code === name[i]! + SPACE)) return false;
  }
  return true;
}

export function lettersEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isLetter(bytes[at]!)) at++;
  return at;
}

function isLetter(code: number): boolean {
  const lower = code | SPACE;
  return lower >= 0x61 && lower <= 0x7a;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
