/** CSV as loggers, spreadsheets and SCADA systems write it. */
import { expect, test } from "bun:test";
import { type CsvReading, type ReadCsv, readCsv } from "./read-csv.suite.ts";

const HEAD = "timestamp,sensor_id,temperature,humidity,note";
const at = (i: number) => `2026-01-01T00:00:${String(i).padStart(2, "0")}Z`;

/** `sensor second temperature humidity extra` of each reading, or the reason and detail of a malformed row. */
function shown({ rows }: ReadCsv): string[] {
  return rows.map(({ identity, time, measures, extra, malformed }) => {
    if (malformed !== undefined) return `${malformed.reason}: ${malformed.detail}`;
    const values = measures.slice(0, 2).map(([, value]) => (Number.isNaN(value) ? "-" : value));
    return [identity[0], new Date(time ?? 0).getUTCSeconds(), ...values, extra ?? ""].join(" ").trim();
  });
}

const read = (file: string | Buffer, options: CsvReading = {}) => shown(readCsv(file, options));

test("columns with our names need no map, others are unknown fields, a blank cell is no value", () => {
  const rows = ["", `${at(1)},a,21.5,40,hello`, `${at(2)},a,,41,`, ` ${at(3)} , b , 22 ,, x y `, ""];
  expect(read(`${HEAD}${rows.join("\n")}`)).toEqual([
    'a 1 21.5 40 {"note":"hello"}',
    "a 2 - 41",
    'b 3 22 - {"note":"x y"}',
  ]);
});

test("quotes hold delimiters, quotes and newlines; a blank before them does not matter", () => {
  const rows = [`"${at(1)}","a, 1","21.5",40,"say ""no"""`, `${at(2)},"b\nc\r\nd",1,2,"x"`, `${at(3)}, "e, f", 3,4,`];
  expect(read(`${HEAD}\n${rows.join("\n")}\n`)).toEqual([
    'a, 1 1 21.5 40 {"note":"say \\"no\\""}',
    'b\nc\r\nd 2 1 2 {"note":"x"}',
    "e, f 3 3 4",
  ]);
  expect(read(`${HEAD}\n${at(1)},'a,b',1,2,\n`, { csv: { quote: "'" } })).toEqual(["a,b 1 1 2"]);
  expect(read(`${HEAD}\n${at(1)},"a,1,2,5" rack\n`, { csv: { quote: "none" } })).toEqual([
    '"a 1 1 2 {"note":"5\\" rack"}',
  ]);
});

test("a quote that nothing closes costs its own line, and no other", () => {
  const good = Array.from({ length: 300 }, (_, i) => `${at(i % 60)},b,${i},1,"x"`);
  for (const bad of [`${at(1)},"a,1,2,`, `${at(1)},"a"x,1,2,`]) {
    const { rows, malformed } = readCsv(`${HEAD}\n${bad}\n${good.join("\n")}`);
    expect([rows.length, malformed.map(({ reason, received }) => [reason, received])]).toEqual([
      301,
      [["not_csv", bad]],
    ]);
  }
  const plain = good.map((row) => row.replaceAll('"', ""));
  const { rows, malformed } = readCsv(`${HEAD}\n${at(1)},"a,1,2,\n${plain.join("\n")}`);
  expect([rows.length, malformed[0]?.detail]).toEqual([301, "a cell in quotes has no end"]);
});

test("a row with too few cells has no values there; one with too many is malformed, unless they are blank", () => {
  expect(read(`${HEAD}\n${at(1)},a,1\n${at(2)},a,1,2,x,,\n${at(3)},a,1,2,x,y\n${at(4)}\n`)).toEqual([
    "a 1 1 -",
    'a 2 1 2 {"note":"x"}',
    "not_csv: the row has 6 cells, and the header 5 columns",
    "missing_field: sensor_id is missing",
  ]);
});

test("a column without a name, and one of a name that was there, get a name of their own", () => {
  const { rows } = readCsv(
    `timestamp,sensor_id,,temperature,temperature,note,note\n${at(1)},a,0,21,22,x,y\n${at(2)},a,,21,,,\n`,
  );
  expect(rows.map(({ extra }) => extra)).toEqual([
    '{"column_3":"0","temperature_2":"22","note":"x","note_2":"y"}',
    undefined,
  ]);
  expect(rows.map(({ measures }) => measures[0]?.[1])).toEqual([21, 21]);
});

test("rows of R begin with a name that the header does not have", () => {
  const { rows } = readCsv(`"timestamp","sensor_id","temperature"\n"1","${at(1)}","a",21\n"2","${at(2)}","a",22\n`);
  expect(rows.map(({ measures, extra }) => [measures[0]?.[1], extra])).toEqual([
    [21, '{"column_1":"1"}'],
    [22, '{"column_1":"2"}'],
  ]);
});

test("the delimiter is found by the header and the first row; a decimal comma does not mislead it", () => {
  for (const delimiter of [",", ";", "\t", "|"]) {
    const file = `${HEAD}\n${at(1)},a,21.5,40,x\n`.replaceAll(",", delimiter);
    expect([delimiter, read(file)]).toEqual([delimiter, ['a 1 21.5 40 {"note":"x"}']]);
  }
  expect(read(`timestamp;sensor_id;a, b;c, d\n${at(1)};a;1,5;2,5\n`)).toEqual(['a 1 - - {"a, b":"1,5","c, d":"2,5"}']);
  expect(read(`sep=;\r\ntimestamp;sensor_id;note\r\n${at(1)};a;x|y\r\n`)).toEqual(['a 1 - - {"note":"x|y"}']);
});

test("a byte-order mark, \\r\\n and a last line without an end do not matter", () => {
  expect(read(`\ufeff${HEAD}\r\n${at(1)},a,1,2,\r\n${at(2)},a,3,4,`)).toEqual(["a 1 1 2", "a 2 3 4"]);
});

test("comments are no rows, and their facts can be read like fields", () => {
  const head = ["# Export of 2026-01-01 10:00:00", "#", "# Turbine: Site 1", '# Operator;"A, B"', "", HEAD];
  const facts = readCsv(`${head.join("\n")}\n# Turbine: late\n${at(1)},a,1,2,\n`);
  expect(shown(facts)).toEqual(["a 1 1 2"]);
  // Without a comment at the start, the sign is a character like others.
  expect(read(`${HEAD}\n#1,a,1,2,\n`)).toEqual([expect.stringMatching(/^bad_timestamp: /)]);
  expect(read(`${HEAD}\n%1,a,1,2,\n${at(2)},a,1,2,\n`, { csv: { comment: "%" } })).toEqual(["a 2 1 2"]);
});

test("a file of comments alone has no rows, and what comes behind too many of them says so", () => {
  expect(read("# one\n# two\n")).toEqual([]);
  expect(read(`${"#\n".repeat(40_000)}1,2\n`)).toEqual([
    "not_csv: there are only comments before it, more of them than are read",
  ]);
});

test("the header may be the last comment before the rows", () => {
  const head = ["# Turbine: Site 1", "# a, b, c", `# ${HEAD}`, "# last, note"];
  expect(read(`${head.join("\n")}\n${at(1)},a,1,2,x\n${at(2)},a,3,4,\n`)).toEqual(['a 1 1 2 {"note":"x"}', "a 2 3 4"]);
  expect(read(`#${HEAD}\n${at(1)},a,1,2,\n`)).toEqual(["a 1 1 2"]);
  // A comment that happens to have as many cells is no header where there is one.
  expect(read(`# made by x, y, z, of, b\n${HEAD}\n${at(1)},a,1,2,\n`)).toEqual(["a 1 1 2"]);
});

test("lines before the header are skipped, and without a header the columns have the names that the user says", () => {
  expect(read(`Station;Uccle\nmade, by, x\n${HEAD}\n${at(1)},a,1,2,\n`, { csv: { skip: 2 } })).toEqual(["a 1 1 2"]);
  const columns = ["timestamp", "sensor_id", "temperature"];
  expect(read(`${at(1)},a,1\n${at(2)},a,2\n`, { csv: { header: "none", columns } })).toEqual(["a 1 1 -", "a 2 2 -"]);
  expect(read(`${at(1)}|a|1\n`, { csv: { columns } })).toEqual(["a 1 1 -"]);
});

test("a file without a header is named as such in each row, with what to say", () => {
  const file = `2026-01-01 00:00:00,69.88\n2026-01-01 01:00:00,71.22\n`;
  const detail =
    'not_csv: there is no header: the file begins with "2026-01-01 00:00:00,69.88"; name the columns (header=none&columns=timestamp,temperature), or say that this is the header (header=line)';
  expect(read(file)).toEqual([detail, detail]);
  expect(read(`timestamp,sensor_id,1,2\n${at(1)},a,5,6\n`)).toEqual(['a 1 - - {"1":"5","2":"6"}']);
  expect(read(`x,1\n5,6\n`, { csv: { header: "line" } })).toEqual(["missing_field: sensor_id is missing"]);
});

test("the header again, in the middle, is no row; another one counts from there on", () => {
  const other = `sensor_id,timestamp,humidity,temperature,note`;
  const rows = [HEAD, `${at(1)},a,1,2,`, HEAD, `${at(2)},a,3,4,`, other, `a,${at(3)},5,6,`, other, `a,${at(4)},7,8,`];
  expect(read(rows.join("\n"))).toEqual(["a 1 1 2", "a 2 3 4", "a 3 6 5", "a 4 8 7"]);
});

test("text that is not UTF-8 is named, and read as Latin-1 where the user says so", () => {
  const file = Buffer.from(`timestamp,sensor_id,temperature,Lüfter\n${at(1)},Köln,1,an\n${at(2)},a,2,\n`, "latin1");
  const detail = "invalid_utf8: the row is not UTF-8; if it is Latin-1 or Windows-1252, say so: encoding=latin1";
  expect(
    read(file.subarray(file.indexOf("\n") + 1), { csv: { columns: ["timestamp", "sensor_id", "temperature"] } }),
  ).toEqual([detail, "a 2 2 -"]);
  expect(read(file, { csv: { encoding: "latin1" } })).toEqual(['Köln 1 1 - {"Lüfter":"an"}', "a 2 2 -"]);
});

test("UTF-16 is read by its mark, in any chunks, and a later format continues in it", () => {
  const text = `\ufeff# Site: Köln 🌡\r\n${HEAD}\r\n${at(1)},a,1,2,"grün, 🌡"\r\n${at(2)},b,3,4,\r\n${at(3)},a,5,6,x`;
  const little = Buffer.from(text, "utf16le");
  const map = { fields: { "@head.Site": "location" } };
  const whole = readCsv(text, { map });
  expect(shown(whole)).toEqual(['a 1 1 2 {"note":"grün, 🌡"}', "b 2 3 4", 'a 3 5 6 {"note":"x"}']);
  for (const file of [little, Buffer.from(little).swap16()]) {
    for (const chunk of [1, 3, 50, 1_000]) {
      for (const resume of [false, true]) {
        expect(readCsv(file, { map, chunk, capacity: 1, resume }).rows).toEqual([...whole.rows]);
      }
    }
  }
});

test("a line, and a row of several lines, may be as long as a line may be", () => {
  const long = "x".repeat(1 << 20);
  const { rows, malformed } = readCsv(`${HEAD}\n${at(1)},${long},1,2,\n${at(2)},a,1,2,\n`);
  expect([rows.length, malformed[0]?.reason, malformed[0]?.bytes]).toEqual([2, "line_too_long", long.length + 26]);
  const names = Array.from({ length: 4_097 }, (_, i) => `c${i}`);
  expect(read(`${names.join(",")}\n1,2\n`)).toEqual(["not_csv: the header has 4097 columns, at most 4096 are read"]);
});

test("NULs that a loss of power leaves do not matter, and are counted", () => {
  const file = `${HEAD}\n${at(1)},a,1,2,\n\0\0\0\0${at(2)},a,3,4,\n${at(3)},a\0\0\0\0${at(4)},a,5,6,\n\0\0\0`;
  expect(read(file)).toEqual(["a 1 1 2", "a 2 3 4", "a 3 - -", "a 4 5 6"]);
});

test("whatever the chunks and the blocks are, a format that continues at a position gives the same rows", () => {
  const head = ["# Turbine: Site 1", "# Date: x", `# ${HEAD}`];
  const block = [
    `${at(1)},a,1,2,`,
    "",
    `${at(2)},"b\nc",3,4,"x, y"`,
    "# Turbine: Site 2",
    `${at(3)},a,,,`,
    `${at(4)},"a,1,2`,
  ];
  const other = `# sensor_id,timestamp,temperature`;
  const file = Buffer.from(
    `${[...head, ...block, HEAD, ...block, other, `d,${at(5)},9`, `d,${at(6)},10`].join("\r\n")}`,
  );
  const whole = readCsv(file);
  expect(shown(whole)).toHaveLength(10);
  for (const capacity of [1, 2, 5]) {
    for (const chunk of [1, 7, 31, 100, 1_000]) {
      for (const resume of [false, true]) {
        const options = { capacity, chunk, resume };
        const { rows, states } = readCsv(file, options);
        expect([options, rows]).toEqual([options, [...whole.rows]]);
        for (const state of states) expect((state ?? "").length).toBeLessThan(1_024);
      }
    }
  }
});
