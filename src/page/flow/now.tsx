/** What the agent does now: problems first, then the flow of readings. */
import { state } from "../shell/live.ts";
import { Loading } from "../shell/parts.tsx";

export default function Now() {
  if (state.value === null) return <Loading what="the agent's state" />;
  return <p>{state.value.sensors} sensors</p>;
}
