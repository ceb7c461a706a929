import { expect, test } from "bun:test";
import { type Execution, readExecutions, readNodes } from "./executions.ts";
import { fleetRows, type Report } from "./fleet-table.ts";

/** As `bacalhau job executions NAME --output json` prints it, with the fields that are not read. */
function printed(node: string, state: number, more: object = {}): object {
  return {
    ID: `e-${node}-${state}`,
    Namespace: "default",
    NodeID: node,
    JobID: "j-1",
    JobVersion: 2,
    AllocatedResources: { Tasks: {} },
    DesiredState: { StateType: 1 },
    ComputeState: { StateType: state, Message: state === 10 ? "execution failed" : "" },
    PublishedResult: { Type: "" },
    RunOutput: null,
    Revision: 5,
    CreateTime: 1_790_000_000_000_000_000,
    ModifyTime: 1_790_000_000_000_000_000,
    ...more,
  };
}
const executions = (...all: object[]): readonly Execution[] => readExecutions(JSON.stringify(all)) ?? [];
const spoken = (node: string, line: string, CreateTime = 1) =>
  printed(node, 9, {
    CreateTime,
    RunOutput: { Stdout: line, StdoutTruncated: false, stderr: "", ExitCode: 0, ErrorMsg: "" },
  });
const LINE =
  'pump-a1b2c3 degraded version=0.1.0 epoch=01abc rules=- lag=7s pending=3 lost=0 uplink=up problems=1 problem=store_denied why="no right"';

const report = (nodeId: string, more: Partial<Report> = {}): Report => ({
  nodeId,
  version: "0.1.0",
  rules: "abc",
  state: "ok",
  ageMs: 5_000,
  lagMs: 0,
  pending: 0,
  losses: 0,
  problems: [],
  ...more,
});

test("what Bacalhau prints is read: states by number or by name, null for an empty list, what is no list refused", () => {
  const [live, failed, stopped] = executions(
    printed("a", 1),
    printed("a", 10),
    printed("b", 6, { DesiredState: { StateType: 2 } }),
  );
  expect([live?.state, live?.isLive]).toEqual(["New", true]);
  expect([failed?.state, failed?.isLive, failed?.message]).toEqual(["Failed", false, "execution failed"]);
  expect(stopped?.isLive).toBe(false);
  expect(executions(printed("a", 6, { ComputeState: { StateType: "Completed" } }))[0]?.isLive).toBe(false);
  expect([readExecutions("null"), readExecutions("{}"), readExecutions("job not found")]).toEqual([[], null, null]);
  const nodes = [
    {
      Info: { NodeID: "a", NodeType: "Compute", Labels: {} },
      Membership: "APPROVED",
      ConnectionState: { Status: "CONNECTED" },
    },
    { Info: { NodeID: "b", NodeType: "Compute" }, Connection: "DISCONNECTED" },
    { Info: { NodeID: "c", NodeType: "Requester" }, Connection: "CONNECTED" },
  ];
  expect(readNodes(JSON.stringify(nodes))).toEqual([
    { node: "a", isConnected: true },
    { node: "b", isConnected: false },
  ]);
});

test("each node has one row: live, without a live execution, away, or never tried", () => {
  const rows = fleetRows({
    executions: executions(printed("a", 10), printed("a", 1), printed("b", 9), printed("b", 10), printed("c", 1)),
    nodes: [
      { node: "a", isConnected: true },
      { node: "c", isConnected: false },
      { node: "d", isConnected: true },
    ],
    lines: [],
    reports: [],
  });
  expect(rows.map(({ node, execution, ended }) => [node, execution, ended])).toEqual([
    ["a", "live", null],
    ["b", "none", "Completed"],
    ["c", "away", null],
    ["d", "none", null],
  ]);
});

test("a node that the job is not for lacks nothing: known by its status line only, beside a list of the job's nodes", () => {
  const of = (nodes: readonly string[]) =>
    fleetRows({
      executions: executions(printed("canary", 1)),
      nodes: nodes.map((node) => ({ node, isConnected: true })),
      lines: executions(spoken("canary", LINE), spoken("other", LINE.replace("pump-a1b2c3", "pump-2"))),
      reports: [],
    }).map(({ node, execution }) => [node, execution]);
  expect(of(["canary"])).toEqual([
    ["canary", "live"],
    ["other", null],
  ]);
  expect(of([])).toEqual([
    ["canary", "live"],
    ["other", "none"],
  ]);
});

test("a heartbeat is joined by the status line, else by the name; one of no node has a row of its own", () => {
  const rows = fleetRows({
    executions: executions(printed("n-7f", 1), printed("pump-2", 1), printed("pump", 1)),
    nodes: [],
    lines: executions(
      spoken("n-7f", "pump-a1b2c3 ok version=0.0.9", 1),
      spoken("n-7f", `${LINE}\n`, 2),
      spoken("pump", "sh: no such file"),
    ),
    reports: [report("pump-a1b2c3"), report("pump-2-x9y8"), report("else-1", { state: "silent" })],
  });
  expect(rows.map(({ node, nodeId, report: of }) => [node, nodeId, of?.state ?? null])).toEqual([
    ["n-7f", "pump-a1b2c3", "ok"],
    ["pump", null, null],
    ["pump-2", "pump-2-x9y8", "ok"],
    [null, "else-1", "silent"],
  ]);
  const words =
    "state=degraded node_id=pump-a1b2c3 version=0.1.0 epoch=01abc lag=7s pending=3 lost=0 uplink=up problems=1";
  const pairs = [...words.split(" "), "problem=store_denied", "why=no right"].map((word) => word.split("="));
  expect(rows[0]?.line).toEqual(Object.fromEntries(pairs));
});

test("a name that begins several agents' names joins none of them", () => {
  const of = (...ids: string[]) =>
    fleetRows({
      executions: executions(printed("edge", 1)),
      nodes: [],
      lines: [],
      reports: ids.map((id) => report(id)),
    })[0];
  expect(of("edge-ab12")?.nodeId).toBe("edge-ab12");
  expect(of("edge-ab12", "edge-cd34")?.nodeId).toBeNull();
  expect(of("edge-ab12", "edge")?.nodeId).toBe("edge");
  expect(of("edge-7-ab12")?.nodeId).toBeNull();
});
