/** Medians of a few doubles that are kept sorted in a part of a larger array: `values[at]` to `values[at + count - 1]`. */

/** The middle of a sorted part, or the mean of its two middles. */
export function medianOf(values: Float64Array, at: number, count: number): number {
  const middle = at + (count >> 1);
  return count % 2 === 1 ? values[middle]! : (values[middle - 1]! + values[middle]!) / 2;
}

/**
 * The median of the distances from `median` (the MAD). The distances grow to both sides of the middle, so a walk
 * outwards meets them in their order: half as many steps as there are values, and no sorting.
 */
export function deviationOf(values: Float64Array, at: number, count: number, median: number): number {
  const end = at + count;
  let right = at + (count >> 1);
  let left = right - 1;
  const half = count >> 1;
  let before = 0;
  let distance = 0;
  for (let n = 0; n <= half; n++) {
    before = distance;
    const down = left >= at ? median - values[left]! : Number.POSITIVE_INFINITY;
    const up = right < end ? values[right]! - median : Number.POSITIVE_INFINITY;
    if (down <= up) {
      distance = down;
      left--;
    } else {
      distance = up;
      right++;
    }
  }
  return count % 2 === 1 ? distance : (before + distance) / 2;
}

/** Makes room for one more value, where it belongs. */
export function insertSorted(values: Float64Array, at: number, count: number, value: number): void {
  let place = at + count;
  while (place > at && values[place - 1]! > value) {
    values[place] = values[place - 1]!;
    place--;
  }
  values[place] = value;
}

/** Where `value` is in a sorted part that holds it. */
export function placeOf(values: Float64Array, at: number, count: number, value: number): number {
  let low = at;
  let high = at + count - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Moves the one value that is out of order, at `place`, to its place: only the values between the two places move. */
export function reorder(values: Float64Array, at: number, count: number, place: number): void {
  const value = values[place]!;
  const last = at + count - 1;
  let to = place;
  while (to < last && values[to + 1]! < value) {
    values[to] = values[to + 1]!;
    to++;
  }
  while (to > at && values[to - 1]! > value) {
    values[to] = values[to - 1]!;
    to--;
  }
  values[to] = value;
}
