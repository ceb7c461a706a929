/**
 * Chance as arithmetic: every number is a hash of the place where it is used. So it needs no state, and the same arguments
 * give the same number, in any order, on any machine. Only +, ×, shifts and comparisons: no `Math.sin`, whose last bit
 * differs between machines.
 */

/** A 32-bit integer in which every bit depends on every bit of `h` ("lowbias32", Chris Wellons' hash-prospector). */
export function mix(h: number): number {
  let x = h | 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return x ^ (x >>> 16);
}

/** A hash of a key and any safe integer: above 2^32, and below 0, too. */
export function hashAt(key: number, n: number): number {
  const high = n > 0x7fffffff || n < -0x80000000 ? Math.floor(n / 0x100000000) : n >> 31;
  return mix(mix((key ^ Math.imul(n | 0, 0x9e3779b1)) | 0) + high);
}

export function hashText(key: number, text: string): number {
  let h = mix(key ^ text.length);
  for (let i = 0; i < text.length; i++) h = mix(h ^ text.charCodeAt(i));
  return h;
}

/** From a hash to [0, 1). */
export function unit(hash: number): number {
  return (hash >>> 0) / 0x100000000;
}

/** From a hash to an integer in [least, most]. */
export function between(hash: number, least: number, most: number): number {
  return least + Math.floor(unit(hash) * (most - least + 1));
}

/** From a hash to one of a list that is not empty. */
export function pick<T>(hash: number, from: readonly T[]): T {
  const picked = from[between(hash, 0, from.length - 1)];
  if (picked === undefined) throw new Error("there is nothing to pick from an empty list");
  return picked;
}

/** From a hash to a bell curve with mean 0 and deviation 1 that never leaves ±3.46: the sum of its four bytes. */
export function bell(hash: number): number {
  return ((hash & 255) + ((hash >>> 8) & 255) + ((hash >>> 16) & 255) + (hash >>> 24) - 510) * (1 / 147.8);
}

/** A sequence of numbers in [0, 1), the same for the same seed: for fakes, shuffles and jitter. */
export function seededRandom(seed: number): () => number {
  let n = 0;
  return () => unit(hashAt(seed, n++));
}
