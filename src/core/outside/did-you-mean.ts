/** The name that a person probably meant. */

/** `; did you mean --store?`, or nothing where no name is near. */
export function didYouMean(given: string, names: Iterable<string>): string {
  // A longer text is not a misspelt name, and the distance takes the square of its length.
  if (given.length > 80) return "";
  const near = [...names].map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }));
  const best = near.sort((a, b) => a.distance - b.distance)[0];
  // A third of the letters wrong is still a slip of the finger; more is another word.
  return best !== undefined && best.distance <= Math.max(1, Math.floor(given.length / 3))
    ? `; did you mean ${best.name}?`
    : "";
}

/** Levenshtein's, with the swap of two neighbours as one edit. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] && i > 1 && j > 1)
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
