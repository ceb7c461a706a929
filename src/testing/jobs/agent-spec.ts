/** `jobs/agent.yaml`, rendered and read as Bacalhau reads it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { renderSpec, type Variables } from "../../fleet/spec/render.ts";
import { JOBS } from "./device.ts";
import { asList, asMap, asText } from "./yaml.ts";

/** The only task of the spec. */
export function agentTask(variables: Variables = {}): Readonly<Record<string, unknown>> {
  const rendered = renderSpec(readFileSync(join(JOBS, "agent.yaml"), "utf8"), variables);
  if (!("text" in rendered)) throw new Error(`Cannot render agent.yaml: ${JSON.stringify(rendered.problems)}`);
  return asMap(asList(asMap(Bun.YAML.parse(rendered.text))["Tasks"])[0]);
}

/** The text of the loop that is the container's command. */
export function loopOf(): string {
  return asText(asList(asMap(asMap(agentTask()["Engine"])["Params"])["Parameters"])[0]);
}
