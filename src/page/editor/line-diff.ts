/** What changes from one text to another, by lines, with a few of those around them. */

export type DiffLine = {
  readonly kind: "same" | "gone" | "new" | "skipped";
  readonly text: string;
  /** Of the new text, from 1 on; null for a line that is gone. */
  readonly line: number | null;
};

/** Beyond this many cells the middle is one block that is gone and one that is new. */
const CELLS_MOST = 4_000_000;
const AROUND = 3;

export function lineDiff(before: string, after: string): readonly DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const middle = middleDiff(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const lines: DiffLine[] = [];
  let line = 0;
  const add = (kind: DiffLine["kind"], text: string) => {
    if (kind !== "gone") line++;
    lines.push({ kind, text, line: kind === "gone" ? null : line });
  };
  for (const text of b.slice(0, start)) add("same", text);
  for (const [kind, text] of middle) add(kind, text);
  for (const text of b.slice(b.length - end)) add("same", text);
  return folded(lines);
}

function middleDiff(a: readonly string[], b: readonly string[]): readonly (readonly [DiffLine["kind"], string])[] {
  const whole = () => [...a.map((text) => ["gone", text] as const), ...b.map((text) => ["new", text] as const)];
  if (a.length * b.length > CELLS_MOST) return whole();
  // The longest common part of a[i…] and b[j…].
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number) => common[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = common[i];
    for (let j = b.length - 1; j >= 0 && row !== undefined; j--) {
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: (readonly [DiffLine["kind"], string])[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(["same", a[i] ?? ""]);
      i++;
      j++;
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) lines.push(["gone", a[i++] ?? ""]);
    else lines.push(["new", b[j++] ?? ""]);
  }
  return lines;
}

function folded(lines: readonly DiffLine[]): readonly DiffLine[] {
  const isNear = new Uint8Array(lines.length);
  for (const [i, { kind }] of lines.entries()) {
    if (kind !== "same") isNear.fill(1, Math.max(0, i - AROUND), i + AROUND + 1);
  }
  const shown: DiffLine[] = [];
  let skipped = 0;
  for (const [i, line] of lines.entries()) {
    if (isNear[i] === 1) {
      if (skipped > 0) shown.push({ kind: "skipped", text: skipped === 1 ? "1 line" : `${skipped} lines`, line: null });
      skipped = 0;
      shown.push(line);
    } else skipped++;
  }
  if (skipped > 0 && shown.length > 0)
    shown.push({ kind: "skipped", text: skipped === 1 ? "1 line" : `${skipped} lines`, line: null });
  return shown;
}
