/** Files that people have, each with the map that a person would write for it. */
import { expect, test } from "bun:test";
import { plain } from "../../testing/mapped-lines.ts";
import { type CsvReading, readCsv } from "./read-csv.suite.ts";

const read = (file: string | Buffer, options: CsvReading) => readCsv(file, options).rows.map(plain);

test("a SCADA export: nine lines of comments, the header among them, 296 columns, of which five are wanted", () => {
  const signals = Array.from({ length: 290 }, (_, i) => `"Signal ${i}, Standard deviation (kW)"`);
  const wanted = ["Wind speed (m/s)", "Power (kW)", "Rotor speed (RPM)", "Gear oil temperature (°C)"];
  const facts = [
    "# This file was exported at 2022-01-26 10:10:54.",
    "#",
    "# Turbine: Site 1",
    "# Time zone: UTC",
    "#",
    "#",
    "#",
    "#",
  ];
  const header = `# Date and time,${[...wanted, ...signals].join(",")}`;
  const rows = Array.from({ length: 30 }, (_, i) => {
    const values = [...wanted, ...signals].map((_, at) => (i < 5 ? "NaN" : (3 + i + at / 100).toFixed(4)));
    return `2016-01-03 00:${String(i).padStart(2, "0")}:00,${values.join(",")}`;
  });
  const map = {
    fields: {
      "Date and time": "timestamp",
      "Wind speed (m/s)": "wind_speed",
      "Power (kW)": "power_output",
      "Rotor speed (RPM)": "rotor_speed",
      "Gear oil temperature (°C)": "gearbox_temperature",
      "@head.Turbine": "sensor_id",
    },
    only: "mapped",
    drop: "rest",
    absent: ["NaN"],
  };
  const file = [...facts, header, ...rows].join("\r\n");
  const readings = read(file, { map, profile: "wind-turbine" });
  expect([readings.length, readings[0], readings[7]]).toEqual([
    30,
    { sensor_id: "Site 1", timestamp: "2016-01-03T00:00:00.000Z" },
    {
      sensor_id: "Site 1",
      timestamp: "2016-01-03T00:07:00.000Z",
      wind_speed: 10,
      power_output: 10.01,
      rotor_speed: 10.02,
      gearbox_temperature: 10.03,
    },
  ]);
  // Who looks into the file may write the name with the comment's sign.
  const { "Date and time": _, ...others } = map.fields;
  const signed = Object.assign({}, map, { fields: Object.assign({ "# Date and time": "timestamp" }, others) });
  expect(read(file, { map: signed, profile: "wind-turbine", capacity: 3, resume: true })).toEqual(readings);
});

test("exports of two turbines, one behind the other: each row has the turbine of its own head", () => {
  const file = (site: string, columns: string, row: string) => `# Turbine: ${site}\n#\n# ${columns}\n${row}\n${row}\n`;
  const text =
    file("North", "Date and time,T,P", "2016-01-03 00:00:00,1.5,7") +
    file("South", "Date and time,P,T", "2016-01-03 00:10:00,8,2.5");
  const map = {
    fields: { "Date and time": "timestamp", T: "temperature", P: "pressure", "@head.Turbine": "sensor_id" },
  };
  for (const options of [{}, { capacity: 1, resume: true, chunk: 20 }]) {
    expect(read(text, { map, ...options })).toEqual([
      ...Array.from({ length: 2 }, () => ({
        sensor_id: "North",
        timestamp: "2016-01-03T00:00:00.000Z",
        temperature: 1.5,
        pressure: 7,
      })),
      ...Array.from({ length: 2 }, () => ({
        sensor_id: "South",
        timestamp: "2016-01-03T00:10:00.000Z",
        temperature: 2.5,
        pressure: 8,
      })),
    ]);
  }
});

test("a European table: semicolons, decimal commas, dots in thousands, date and time in two columns, trailing delimiters", () => {
  const text =
    "Date;Time;CO(GT);T;P;;\r\n10/03/2004;18.00.00;2,6;13,6;1.013,2;;\r\n10/03/2004;19.00.00;-200;-200;987;;\r\n";
  const map = {
    fields: { T: "temperature", P: "pressure" },
    timestamp: { from: ["Date", "Time"], format: "%d/%m/%Y %H.%M.%S" },
    constants: { sensor_id: "air" },
    absent: [-200],
    drop: ["CO(GT)"],
    csv: { decimal: "," },
  };
  const expected = [
    { sensor_id: "air", timestamp: "2004-03-10T18:00:00.000Z", temperature: 13.6, pressure: 1013.2 },
    { sensor_id: "air", timestamp: "2004-03-10T19:00:00.000Z", pressure: 987 },
  ];
  expect(read(text, { map })).toEqual(expected);
  expect(read(Buffer.from(`\ufeff${text}`, "utf16le"), { map })).toEqual(expected);
});

test("a plain list of times and values, of one sensor that only its file's name says", () => {
  const text = "timestamp,value\n2024-01-01 00:00:00,69.88\n2024-01-01 01:00:00,71.22\n";
  const map = { fields: { value: "temperature", "@file": "sensor_id" } };
  expect(read(text, { map, context: { "@file": "machine_temperature" } })).toEqual([
    { sensor_id: "machine_temperature", timestamp: "2024-01-01T00:00:00.000Z", temperature: 69.88 },
    { sensor_id: "machine_temperature", timestamp: "2024-01-01T01:00:00.000Z", temperature: 71.22 },
  ]);
});
