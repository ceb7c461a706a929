/** What a line of the files is, from its number alone. */
const FROM = Date.UTC(2026, 0, 5, 21, 30);
const SENSORS = 5;

export function fileLine(n: number): string {
  const timestamp = new Date(FROM + n * 1_000).toISOString();
  return `${JSON.stringify({ sensor_id: `file-${n % SENSORS}`, timestamp, temperature: 15 + (n % 100) / 4, n })}\n`;
}

/** Of a row of the lake that was made of a line; NaN where none was. */
export function lineOf(row: Readonly<Record<string, unknown>>): number {
  const { extra } = row;
  const fields: unknown = typeof extra === "string" ? JSON.parse(extra) : extra;
  const n = typeof fields === "object" && fields !== null && "n" in fields ? fields.n : null;
  return typeof n === "number" ? n : Number.NaN;
}
