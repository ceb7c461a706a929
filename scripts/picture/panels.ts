/** One chart for each query of notebooks/queries.sql. */
import { type Box, bar, card, dot, duration, grouped, line, roundedUp, text } from "./svg.ts";

export type QueryRow = Readonly<Record<string, unknown>>;
type QueryRows = readonly QueryRow[];

const word = (row: QueryRow, name: string) => String(row[name] ?? "none");
const num = (row: QueryRow, name: string) => Number(row[name]);
const unique = (rows: QueryRows, name: string) => [...new Set(rows.map((row) => word(row, name)))].sort();
const total = (rows: QueryRows, name: string) => rows.reduce((sum, row) => sum + num(row, name), 0);
const hourOf = (row: QueryRow) => Number(word(row, "hour").slice(11, 13));
const COLOURS = ["a", "b", "c", "d", "e"];

/** Hours of the day under a chart. */
function hours({ x, width }: Box, y: number): string[] {
  const label = (hour: number) =>
    text(x + (width * hour) / 24, y, `${String(hour).padStart(2, "0")}:00`, "faint small middle");
  return [0, 6, 12, 18, 24].map(label);
}

export function throughput(box: Box, rows: QueryRows): string {
  const about = "Rows by hour of event time (UTC); each stage has its own scale";
  return card(box, "Throughput by stage", about, (inside) => {
    const stages = unique(rows, "stage");
    const left = 156;
    const chart = { ...inside, x: inside.x + left, width: inside.width - left - 8 };
    const step = (inside.height - 22) / stages.length;
    const parts = stages.flatMap((stage, at) => {
      const mine = rows.filter((row) => word(row, "stage") === stage);
      const most = roundedUp(Math.max(...mine.map((row) => num(row, "rows"))));
      const bottom = inside.y + step * (at + 1) - 6;
      const tall = step - 18;
      const bars = mine.map((row) => {
        const height = (tall * num(row, "rows")) / most;
        const slot = { x: chart.x + (chart.width * hourOf(row)) / 24 + 1, width: chart.width / 24 - 2 };
        const hint = `${stage.slice(2)}, ${hourOf(row)}:00: ${grouped(num(row, "rows"))} rows in ${num(row, "objects")} objects`;
        return bar({ ...slot, y: bottom - height, height }, COLOURS[at % 5]!, hint);
      });
      return [
        text(inside.x, bottom - tall + 12, stage.slice(2), "strong"),
        text(inside.x, bottom - tall + 28, `${grouped(total(mine, "rows"))} rows`, "faint small"),
        text(chart.x - 6, bottom - tall + 9, grouped(most), "faint small end"),
        text(chart.x - 6, bottom, "0", "faint small end"),
        line([chart.x, bottom - tall], [chart.x + chart.width, bottom - tall]),
        ...bars,
        line([chart.x, bottom], [chart.x + chart.width, bottom], "faint"),
      ];
    });
    return [...parts, ...hours(chart, inside.y + inside.height)];
  });
}

/** A cell is as strong as its rate; the strongest is the highest rate there is. */
export function anomalyRate(box: Box, rows: QueryRows): string {
  const rules = unique(rows, "rule");
  const turbines = new Set(
    rows.filter((row) => word(row, "rule").startsWith("turbine-")).map((row) => word(row, "sensor_id")),
  );
  const all = unique(rows, "sensor_id");
  const others = all.filter((sensor) => !turbines.has(sensor));
  const sensors = [...others, ...all.filter((sensor) => turbines.has(sensor))];
  const most = Math.max(...rows.map((row) => num(row, "rate")));
  const percent = `${Number((most * 100).toPrecision(2))} %`;
  const about = `The share of a sensor's readings that broke a rule, 0 to ${percent} (pale to strong)`;
  return card(box, "Anomaly rate by rule and sensor", about, (inside) => {
    const left = 206;
    const right = 56;
    const wide = (inside.width - left - right) / sensors.length;
    const tall = Math.min(24, (inside.height - 22) / rules.length);
    const end = inside.x + inside.width;
    const parts = rules.flatMap((rule, at) => {
      const y = inside.y + at * tall;
      const mine = rows.filter((row) => word(row, "rule") === rule);
      const cells = mine.flatMap((row) => {
        const x = inside.x + left + sensors.indexOf(word(row, "sensor_id")) * wide;
        const cell = { x, y: y + 1, width: wide - 1, height: tall - 2 };
        const hint = `${rule}, ${word(row, "sensor_id")}: ${grouped(num(row, "anomalies"))} of ${grouped(num(row, "readings"))} readings`;
        return [bar(cell, "hot", hint, 0.18 + 0.82 * Math.sqrt(num(row, "rate") / most))];
      });
      return [
        bar({ x: inside.x + left, y: y + 1, width: sensors.length * wide - 1, height: tall - 2 }, "cold"),
        text(inside.x + left - 8, y + tall / 2 + 4, rule, "small end"),
        ...cells,
        text(end, y + tall / 2 + 4, grouped(total(mine, "anomalies")), "small end"),
      ];
    });
    const under = inside.y + rules.length * tall + 15;
    const middleOf = (from: number, to: number) => inside.x + left + (wide * (from + to)) / 2;
    return [
      ...parts,
      text(middleOf(0, others.length), under, `${others.length} other sensors, a column each`, "faint small middle"),
      text(middleOf(others.length, sensors.length), under, `${turbines.size} turbines`, "faint small middle"),
      text(end, inside.y - 5, "anomalies", "faint small end"),
    ];
  });
}

/** Half, 95 % and 99 % of the readings, from left to right, on a logarithmic axis: the steps differ by orders. */
export function latency(box: Box, rows: QueryRows): string {
  const about = "p50 and p95 (blue), p99 (red) by node; sensors' time is that of the simulated day";
  return card(box, "Processing latency by step", about, (inside) => {
    const left = 188;
    const chart = { ...inside, x: inside.x + left, width: inside.width - left - 20 };
    const ends = rows
      .flatMap((row) => [num(row, "p50_ms"), num(row, "p99_ms")])
      .map((ms) => Math.log10(Math.max(1, ms)));
    const [low, high] = [Math.floor(Math.min(...ends)), Math.ceil(Math.max(...ends))];
    const place = (ms: number) => chart.x + (chart.width * (Math.log10(Math.max(1, ms)) - low)) / (high - low);
    const step = (inside.height - 24) / rows.length;
    const bottom = inside.y + inside.height - 22;
    const ticks = [1, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 86_400_000].filter(
      (ms) => place(ms) >= chart.x - 1 && place(ms) <= chart.x + chart.width,
    );
    const grid = ticks.flatMap((ms) => [
      line([place(ms), inside.y - 4], [place(ms), bottom]),
      text(place(ms), bottom + 17, duration(ms), "faint small middle"),
    ]);
    const marks = rows.flatMap((row, at) => {
      const y = inside.y + step * (at + 0.5);
      const values = (["p50_ms", "p95_ms", "p99_ms"] as const).map(
        (name) => [name.slice(0, 3), num(row, name)] as const,
      );
      const [first, , last] = values.map(([, ms]) => place(ms));
      const said = values.map(([, ms]) => duration(ms)).join(" · ");
      return [
        text(inside.x, y - 2, `${word(row, "node_id")}: ${word(row, "step")}`, "strong small"),
        text(inside.x, y + 12, said, "faint small"),
        line([first!, y], [last!, y], "a", 3),
        ...values.map(([name, ms], n) => dot([place(ms), y], 5, COLOURS[n === 2 ? 2 : 0]!, `${name} ${duration(ms)}`)),
      ];
    });
    return [...grid, ...marks];
  });
}

export function reconciliation(box: Box, rows: QueryRows): string {
  const about = "Accepted by the agent = promised by objects' names = rows in the table: green";
  return card(box, "Reconciliation", about, (inside) => {
    const nodes = unique(rows, "node_id");
    const left = 84;
    const chart = { ...inside, x: inside.x + left, width: inside.width - left - 4 };
    const tall = 30;
    const cells = rows.flatMap((row) => {
      const whole = new Set([num(row, "accepted"), num(row, "promised"), num(row, "rows")]).size === 1;
      const clean = total([row], "duplicates") + total([row], "in_no_stage") + total([row], "in_two_stages") === 0;
      const y = inside.y + nodes.indexOf(word(row, "node_id")) * (tall + 8);
      const slot = { x: chart.x + (chart.width * hourOf(row)) / 24 + 1, y, width: chart.width / 24 - 2, height: tall };
      const hint = `${word(row, "node_id")}, ${hourOf(row)}:00: ${grouped(num(row, "accepted"))} accepted, ${grouped(num(row, "rows"))} rows`;
      return [bar(slot, whole && clean ? "b" : "c", hint)];
    });
    const labels = nodes.map((node, at) => text(inside.x, inside.y + at * (tall + 8) + 20, node, "strong"));
    const below = inside.y + nodes.length * (tall + 8) + 12;
    const figures = ["accepted", "promised", "rows", "duplicates", "in_no_stage", "in_two_stages"].flatMap(
      (name, at) => {
        const x = inside.x + (at % 3) * (inside.width / 3);
        const y = below + 36 + Math.floor(at / 3) * 54;
        return [
          text(x, y, grouped(total(rows, name)), "figure"),
          text(x, y + 17, name.replaceAll("_", " "), "faint small"),
        ];
      },
    );
    return [...cells, ...labels, ...hours(chart, below), ...figures];
  });
}

/** Nodes are few: every minute has a bar for each. */
export function ingestionRate(box: Box, rows: QueryRows): string {
  const about = "Readings committed by minute of the agent's clock: the day was taken at full speed";
  return card(box, "Ingestion rate", about, (inside) => {
    const most = roundedUp(Math.max(...rows.map((row) => num(row, "readings"))));
    const step = Math.min(34, inside.height / rows.length);
    const left = 168;
    const wide = inside.width - left - 84;
    return rows.flatMap((row, at) => {
      const y = inside.y + at * step;
      const width = (wide * num(row, "readings")) / most;
      return [
        text(inside.x, y + step / 2 + 4, `${word(row, "minute").slice(11, 16)}  ${word(row, "node_id")}`),
        bar({ x: inside.x + left, y: y + 4, width: Math.max(1, width), height: step - 8 }, "a"),
        text(inside.x + left + width + 6, y + step / 2 + 4, grouped(num(row, "readings"))),
      ];
    });
  });
}

export function windTurbines(box: Box, rows: QueryRows): string {
  const about = "Anomalies of wind turbines, by day";
  return card(box, "Wind turbines", about, (inside) =>
    rows.flatMap((row, at) => {
      const y = inside.y + 26 + at * 60;
      const figures = [
        [word(row, "day"), "day"],
        [grouped(num(row, "anomalies")), "anomalies"],
        [`${num(row, "avg_wind_speed").toFixed(2)} m/s`, "average wind speed"],
        [`${grouped(num(row, "avg_power_output"))} kW`, "average power"],
      ] as const;
      return figures.flatMap(([figure, about], n) => {
        const x = inside.x + [0, 0.29, 0.5, 0.77][n]! * inside.width;
        return [text(x, y, figure, "figure"), text(x, y + 18, about, "faint small")];
      });
    }),
  );
}

/** A column of a table: its head, the text of its cell in a row, and where it ends as a share of the width. */
type Column = readonly [head: string, cell: (row: QueryRow) => string, end: number];

type Table = { readonly title: string; readonly about: string; readonly columns: readonly Column[] };

function table(box: Box, rows: QueryRows, { title, about, columns }: Table): string {
  return card(box, title, about, (inside) => {
    const lineOf = (row: QueryRow | null, at: number) =>
      columns.map(([head, cell, end], n) => {
        const style = `${row === null ? "faint small" : ""}${n === 0 ? "" : " end"}`.trim();
        const x = n === 0 ? inside.x : inside.x + end * inside.width;
        return text(x, inside.y + 12 + at * 24, row === null ? head : cell(row), style);
      });
    const rule = line([inside.x, inside.y + 19], [inside.x + inside.width, inside.y + 19], "edge");
    return [...lineOf(null, 0), rule, ...rows.flatMap((row, at) => lineOf(row, at + 1))];
  });
}

const timeIn = (name: string) => (row: QueryRow) => word(row, name).replace("T", " ").slice(5, 16);
const countIn = (name: string) => (row: QueryRow) => grouped(num(row, name));

export function fleet(box: Box, rows: QueryRows): string {
  const about = "The nodes, from their heartbeats and their readings; times are UTC";
  const columns: readonly Column[] = [
    ["node", (row) => word(row, "node_id"), 0],
    ["state", (row) => word(row, "state"), 0.3],
    ["heartbeat", timeIn("heartbeat_at"), 0.54],
    ["pending", countIn("pending"), 0.68],
    ["readings", countIn("readings"), 0.84],
    ["anomalies", countIn("anomalies"), 1],
  ];
  return table(box, rows, { title: "Fleet", about, columns });
}

export function schemaEvolution(box: Box, rows: QueryRows): string {
  const about = "Fields that no profile knows: what could become a column";
  const columns: readonly Column[] = [
    ["field", (row) => word(row, "field"), 0],
    ["node", (row) => word(row, "node_id"), 0.44],
    ["readings", countIn("readings"), 0.62],
    ["first seen", timeIn("first_seen"), 0.81],
    ["last seen", timeIn("last_seen"), 1],
  ];
  return table(box, rows, { title: "Schema evolution", about, columns });
}
