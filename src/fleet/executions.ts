/**
 * What `bacalhau job executions NAME --output json` and `bacalhau node list --output json` print, as far as the fleet's table
 * needs it. By the source of Bacalhau 1.9: pkg/models/execution.go, node_state.go. States are numbers there.
 */
import { text } from "../core/outside/scalar-shapes.ts";
import { optional, type Shape } from "../core/outside/shape.ts";
import { anyNumber, anything, atLeast, storedEntries } from "../core/outside/stored-json.ts";

/** In the order of their numbers. */
const STATES = [
  ...[
    "Undefined",
    "New",
    "AskForBid",
    "AskForBidAccepted",
    "AskForBidRejected",
    "BidAccepted",
    "Running",
    "Publishing",
  ],
  ...["BidRejected", "Completed", "Failed", "Cancelled"],
] as const;
type ExecutionState = (typeof STATES)[number];
const ENDED: readonly ExecutionState[] = ["AskForBidRejected", "BidRejected", "Completed", "Failed", "Cancelled"];

export type Execution = {
  readonly id: string;
  readonly node: string;
  readonly state: ExecutionState;
  /** It runs, or it is being started. A daemon's execution is `New` for its whole life. */
  readonly isLive: boolean;
  readonly message: string;
  readonly version: number;
  readonly createdNs: number;
  /** Of one that has ended: what it printed, and its exit code; null: its program never ran to an end. */
  readonly out: string;
  readonly error: string;
  readonly exitCode: number | null;
};

const anyText = text(/^/, "a text");

/** Go prints what is not there as null. */
function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return { ...shape, read: (value, path, problems) => (value === null ? null : shape.read(value, path, problems)) };
}

const EXECUTION = atLeast({
  ID: anyText,
  NodeID: anyText,
  JobVersion: optional(anyNumber, 0),
  CreateTime: optional(anyNumber, 0),
  ComputeState: atLeast({ StateType: anything, Message: optional(anyText, "") }),
  DesiredState: optional(atLeast({ StateType: anything })),
  RunOutput: optional(
    nullable(atLeast({ Stdout: optional(anyText, ""), stderr: optional(anyText, ""), ExitCode: optional(anyNumber) })),
  ),
});
const NODE = atLeast({
  Info: atLeast({ NodeID: anyText, NodeType: optional(anything) }),
  Connection: optional(anything),
  ConnectionState: optional(atLeast({ Status: optional(anything) })),
});

/** Null: the text is no list. Entries that are no executions are left out. */
export function readExecutions(json: string): readonly Execution[] | null {
  return (
    entriesOf(EXECUTION, json)?.map((each): Execution => {
      const state = stateOf(each.ComputeState.StateType);
      const isStopped = [2, "Stopped"].some((word) => word === each.DesiredState?.StateType);
      return {
        id: each.ID,
        node: each.NodeID,
        state,
        isLive: !ENDED.includes(state) && !isStopped,
        message: each.ComputeState.Message,
        version: each.JobVersion,
        createdNs: each.CreateTime,
        out: each.RunOutput?.Stdout ?? "",
        error: each.RunOutput?.stderr ?? "",
        exitCode: exitCodeOf(state, each.RunOutput?.ExitCode),
      };
    }) ?? null
  );
}

export type FleetNode = { readonly node: string; readonly isConnected: boolean };

/** The nodes that run jobs; null: the text is no list. */
export function readNodes(json: string): readonly FleetNode[] | null {
  return (
    entriesOf(NODE, json)
      ?.filter(({ Info }) => Info.NodeType !== "Requester")
      .map(({ Info, Connection, ConnectionState }) => {
        const status = ConnectionState?.Status ?? Connection;
        return { node: Info.NodeID, isConnected: String(status).toUpperCase() === "CONNECTED" };
      }) ?? null
  );
}

/** The newest first: of the latest version of the job, then by its creation. */
export function newestFirst(executions: readonly Execution[]): readonly Execution[] {
  return executions.toSorted((a, b) => b.version - a.version || b.createdNs - a.createdNs);
}

/** Go prints an empty list as null. */
function entriesOf<T>(shape: Shape<T>, json: string): readonly T[] | null {
  return json.trim() === "null" ? [] : storedEntries(shape, json);
}

/** Bacalhau says 0, or -1, of what failed before a program ran: a download, a mount, a node that was away. */
function exitCodeOf(state: ExecutionState, code: number | undefined): number | null {
  if (code === undefined) return null;
  return state === "Completed" || code > 0 ? code : null;
}

function stateOf(value: unknown): ExecutionState {
  const named = STATES.find((name) => name === value);
  return named ?? (typeof value === "number" ? (STATES[value] ?? "Undefined") : "Undefined");
}
