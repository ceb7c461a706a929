/** Whether a dashboard is ours, was edited by hand, or differs: decided without a workspace. */
import { expect, test } from "bun:test";
import type { DashboardContent } from "../../databricks/shapes/dashboards.ts";
import { isSameContent, originOf, shownOf, wantedContent, withTheirLook } from "./dashboard-content.ts";

const LAYOUT = [{ widget: { name: "w", textbox_spec: "words" }, position: { x: 0, y: 0, width: 6, height: 1 } }];
const SHIPPED = {
  datasets: [
    { name: "a", displayName: "A", queryLines: ["SELECT 1\n"] },
    { name: "b", displayName: "B", queryLines: ["SELECT 2\n"] },
  ],
  pages: [{ name: "p", displayName: "P", layout: LAYOUT }],
};
const LAKE = { catalog: "acme", schema: "sensors" };
const WANTED = wantedContent(SHIPPED, LAKE);

/** As Databricks gives it back: other keys, in another order. */
function asReturned(
  content: DashboardContent,
  edit: (one: typeof SHIPPED & { uiSettings?: object }) => void = () => undefined,
): DashboardContent {
  const copy = JSON.parse(JSON.stringify(content));
  for (const page of copy.pages) page.pageType = "PAGE_TYPE_CANVAS";
  for (const dataset of copy.datasets) dataset.isNew = true;
  for (const one of copy.pages[0]?.layout ?? []) one.position = { height: 1, width: 6, y: 0, x: 0 };
  edit(copy);
  return Object.fromEntries(Object.entries(copy).reverse());
}

test("each dataset gets the lake's catalog and schema and our mark, which is the same for the same content", () => {
  expect(WANTED).toMatchObject({ pages: SHIPPED.pages });
  const lines = (WANTED.datasets ?? []).map((one) => [one.catalog, one.schema, one.queryLines]);
  const mark = expect.stringMatching(/^-- managed-by=agent-provision [0-9a-f]{12}\n$/);
  expect(lines).toEqual([
    ["acme", "sensors", [mark, "SELECT 1\n"]],
    ["acme", "sensors", [mark, "SELECT 2\n"]],
  ]);
  expect(wantedContent(SHIPPED, LAKE)).toEqual(WANTED);
  expect(JSON.stringify(wantedContent(SHIPPED, { ...LAKE, schema: "other" }))).not.toContain(
    String(lines[0]![2]).split("\n")[0]!,
  );
});

test("what Databricks adds is neither a difference nor an edit", () => {
  expect(isSameContent(asReturned(WANTED), WANTED)).toBe(true);
  expect(originOf(asReturned(WANTED))).toBe("ours");
});

test("every edit of what is shown is a difference, and reported as an edit by hand", () => {
  const edits: ((one: typeof SHIPPED) => void)[] = [
    ({ datasets }) => void datasets.pop(),
    ({ datasets }) => void datasets[0]!.queryLines.push("LIMIT 1\n"),
    ({ datasets }) => void datasets[1]!.queryLines.shift(),
    ({ datasets }) => void Object.assign(datasets[0]!, { catalog: "other" }),
    ({ pages }) => void pages.push({ ...pages[0]!, name: "q" }),
    ({ pages }) => void Object.assign(pages[0]!, { displayName: "Mine" }),
    ({ pages }) => void Object.assign(pages[0]!.layout[0]!.position, { width: 3 }),
    ({ pages }) => void Object.assign(pages[0]!.layout[0]!.widget, { spec: {} }),
  ];
  for (const edit of edits) {
    const edited = asReturned(WANTED, edit);
    expect([String(edit), isSameContent(edited, WANTED), originOf(edited)]).toEqual([String(edit), false, "edited"]);
  }
});

test("another version's dashboard is ours and unedited; one without our mark is not ours", () => {
  const older = asReturned(wantedContent({ ...SHIPPED, pages: [] }, LAKE), () => undefined);
  expect([isSameContent(older, WANTED), originOf(older)]).toEqual([false, "ours"]);
  expect(originOf(SHIPPED)).toBe("foreign");
  expect(originOf({})).toBe("foreign");
});

test("the look that a person chose goes along with a change", () => {
  const theirs = asReturned(WANTED, (one) => void Object.assign(one, { uiSettings: { theme: { dark: true } } }));
  expect(isSameContent(theirs, WANTED)).toBe(true);
  expect(withTheirLook(WANTED, theirs)).toEqual({ ...WANTED, uiSettings: { theme: { dark: true } } });
  expect(withTheirLook(WANTED, asReturned(WANTED))).toEqual(WANTED);
});

test("what a dataset is asked for: each column once, of whatever widgets and functions", () => {
  const fields = (...expressions: string[]) => expressions.map((expression) => ({ name: expression, expression }));
  const widget = (...expressions: string[]) => ({
    widget: { queries: [{ query: { datasetName: "a", fields: fields(...expressions) } }] },
  });
  const layout = [widget("`n`", "SUM(`m`)"), widget('DATE_TRUNC("HOUR", `hour`)', "`n`"), { widget: {} }];
  const asked = shownOf({ ...WANTED, pages: [{ name: "p", layout }] });
  expect(asked.map(({ name, columns, schema }) => [name, columns, schema])).toEqual([
    ["a", ["n", "m", "hour"], "sensors"],
    ["b", [], "sensors"],
  ]);
  expect(asked[0]!.query).toEndWith("\nSELECT 1\n");
});
