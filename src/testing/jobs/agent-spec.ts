/** `jobs/agent.yaml`, rendered and read as Bacalhau reads it, and the container that Bacalhau makes of it. */
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

/** `256Mb` is 256,000,000 bytes (go-humanize), `250m` a quarter of a processor (Kubernetes). */
function bytesIn(text: string): number {
  const [, digits, unit = ""] = /^(\d+)(Mb|MiB|Gb|GiB)$/.exec(text) ?? [];
  const size = { Mb: 1e6, MiB: 1 << 20, Gb: 1e9, GiB: 1 << 30 }[unit];
  if (digits === undefined || size === undefined) throw new Error(`Not a size that is known here: ${text}`);
  return Number(digits) * size;
}

export type ContainerBody = {
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly WorkingDir: string;
  readonly Env: readonly string[];
  readonly HostConfig: Readonly<Record<string, unknown>>;
};

/** As in `pkg/executor/docker/executor.go`. `disk`: the folder of this machine that is the device's disk. */
export function containerOf(disk: string): ContainerBody {
  const task = agentTask();
  const params = asMap(asMap(task["Engine"])["Params"]);
  const resources = asMap(task["Resources"]);
  const cpu = /^(\d+)m$/.exec(asText(resources["CPU"]));
  if (cpu === null || asText(asMap(task["Network"])["Type"]) !== "Host")
    throw new Error("Not a spec that is known here");
  return {
    Entrypoint: asList(params["Entrypoint"]).map(asText),
    Cmd: asList(params["Parameters"]).map(asText),
    WorkingDir: asText(params["WorkingDirectory"]),
    Env: [
      ...Object.entries(asMap(task["Env"])).map(([name, value]) => `${name}=${asText(value)}`),
      ...["BACALHAU_JOB_TYPE=daemon", "BACALHAU_EXECUTION_ID=e-1", "BACALHAU_PARTITION_INDEX=0"],
    ],
    HostConfig: {
      Mounts: asList(task["InputSources"]).map((each) => {
        const input = asMap(each);
        const { Type, Params } = asMap(input["Source"]);
        const { SourcePath, ReadWrite } = asMap(Params);
        if (Type !== "localDirectory") throw new Error(`Not a source that is known here: ${String(Type)}`);
        return {
          Type: "bind",
          Source: join(disk, asText(SourcePath)),
          Target: asText(input["Target"]),
          ReadOnly: ReadWrite !== true,
        };
      }),
      NetworkMode: "host",
      Memory: bytesIn(asText(resources["Memory"])),
      NanoCpus: Number(cpu[1]) * 1e6,
    },
  };
}
