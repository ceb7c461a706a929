/** A spec of `jobs/`, rendered and read as Bacalhau reads it, and the container that Bacalhau makes of it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { renderSpec, type Variables } from "../../fleet/spec/render.ts";
import { JOBS } from "./device.ts";
import { asList, asMap, asText } from "./yaml.ts";

/** A submitted job. `brought`: where Bacalhau put inputs that it brings itself, by their place inside. */
export type JobCall = {
  readonly file: string;
  readonly variables?: Variables;
  readonly brought?: Readonly<Record<string, string>>;
};
const AGENT: JobCall = { file: "agent.yaml" };

/** The only task of the spec. */
export function taskOf({ file, variables = {} }: JobCall = AGENT): Readonly<Record<string, unknown>> {
  const rendered = renderSpec(readFileSync(join(JOBS, file), "utf8"), variables);
  if (!("text" in rendered)) throw new Error(`Cannot render ${file}: ${JSON.stringify(rendered.problems)}`);
  return asMap(asList(asMap(Bun.YAML.parse(rendered.text))["Tasks"])[0]);
}

/** The text of the loop that is the container's command. */
export function loopOf(): string {
  return asText(asList(asMap(asMap(taskOf()["Engine"])["Params"])["Parameters"])[0]);
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
export function containerOf(disk: string, call: JobCall = AGENT): ContainerBody {
  const task = taskOf(call);
  const params = asMap(asMap(task["Engine"])["Params"]);
  const resources = asMap(task["Resources"]);
  const cpu = /^(\d+)m$/.exec(asText(resources["CPU"]));
  const network = { Host: "host", None: "none" }[asText(asMap(task["Network"])["Type"])];
  if (cpu === null || network === undefined) throw new Error("Not a spec that is known here");
  const brought = Object.entries(call.brought ?? {});
  return {
    Entrypoint: asList(params["Entrypoint"]).map(asText),
    Cmd: asList(params["Parameters"]).map(asText),
    WorkingDir: asText(params["WorkingDirectory"]),
    Env: [
      ...Object.entries(asMap(task["Env"] ?? {})).map(([name, value]) => `${name}=${asText(value)}`),
      ...[
        `BACALHAU_JOB_TYPE=${call.file === AGENT.file ? "daemon" : "ops"}`,
        "BACALHAU_EXECUTION_ID=e-1",
        "BACALHAU_PARTITION_INDEX=0",
      ],
    ],
    HostConfig: {
      Mounts: [
        ...asList(task["InputSources"]).flatMap((each) => localMount(disk, asMap(each))),
        ...brought.map(([Target, Source]) => ({ Type: "bind", Source, Target, ReadOnly: false })),
      ],
      NetworkMode: network,
      Memory: bytesIn(asText(resources["Memory"])),
      NanoCpus: Number(cpu[1]) * 1e6,
    },
  };
}

/** None for what Bacalhau brings: the test says where it is. */
function localMount(disk: string, input: Readonly<Record<string, unknown>>): object[] {
  const { Type, Params } = asMap(input["Source"]);
  if (Type !== "localDirectory") return [];
  const { SourcePath, ReadWrite } = asMap(Params);
  const Source = join(disk, asText(SourcePath));
  return [{ Type: "bind", Source, Target: asText(input["Target"]), ReadOnly: ReadWrite !== true }];
}
