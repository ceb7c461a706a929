/** Every trap of a job spec, one change of a spec that is right each; and the specs that we ship. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { checkSpec } from "./check.ts";

const JOBS = join(import.meta.dir, "../../../jobs");

const RIGHT = `
Name: agent
Namespace: default
Type: daemon
Priority: 10
Labels: {app: agent}
Meta: {owner: field}
Constraints:
  - {Key: role, Operator: "=", Values: ["edge"]}
  - {Key: ring, Operator: notin, Values: ["hold"]}
  - {Key: GPU-0, Operator: exists}
Tasks:
  - Name: agent
    Engine:
      Type: docker
      Params:
        Image: debian:bookworm-slim
        WorkingDirectory: /etc/agent
        Entrypoint: ["/bin/sh", "-c"]
        Parameters: ["set -u; exec /opt/agent/agent run"]
        EnvironmentVariables: ["TZ=UTC"]
    Env: {AGENT_NODE_ID: "env:EDGE_NAME"}
    InputSources:
      - {Alias: bin, Target: /opt/agent, Source: {Type: localDirectory, Params: {SourcePath: /opt/agent, ReadWrite: false}}}
      - {Alias: set, Target: /set, Source: {Type: inline, Params: {URL: "data:application/gzip;base64,AAAA"}}}
    Network: {Type: Host}
    Resources: {CPU: "250m", Memory: "256Mb"}
`;
const OPS = RIGHT.replace("daemon", "ops").replace("    Network", "    Timeouts: {ExecutionTimeout: 60}\n    Network");

const said = (text: string, variables = {}) =>
  checkSpec(text, variables).map(({ level, path, message }) => `${level} ${path}: ${message}`);

test("a spec that is right has no findings, in any case of its keys", () => {
  expect(said(RIGHT)).toEqual([]);
  expect(said(OPS)).toEqual([]);
  expect(said(RIGHT.replace("Engine:", "engine:").replace("SourcePath", "sourcepath"))).toEqual([]);
});

type Trap = readonly [was: string, is: string, expected: string];
const TRAPS: readonly Trap[] = [
  // Keys
  [
    "Priority: 10",
    "Prioritty: 10",
    "error Prioritty: is no key that Bacalhau reads here, and it is ignored; did you mean Priority?",
  ],
  ["Priority: 10", "Version: 3", "error Version: is set by the server, and refused in a spec"],
  ["Network: {Type: Host}", "Network: {Typ: Host}", "error Tasks[0].Network.Typ: is no key"],
  ["Image: debian", "Imgae: debian", "error Tasks[0].Engine.Params.Imgae: is no key"],
  ["ReadWrite: false", "ReadOnly: true", "error Tasks[0].InputSources[0].Source.Params.ReadOnly: is no key"],
  ["    Env:", "    Environment:", "error Tasks[0].Environment: is no key"],
  ["Priority: 10", "name: other", "error name: is there twice"],
  // The job
  ["Name: agent\n", "", "error Name: is missing"],
  ["Type: daemon", "Type: Daemon", 'error Type: "Daemon" must be written daemon'],
  ["Type: daemon", "Type: deamon", 'error Type: "deamon" is none of'],
  ["Type: daemon\n", "", "error Type: is missing"],
  ["Priority: 10", "Count: 3", "error Count: must not be above 1 in daemon"],
  ["Priority: 10", 'Count: "1"', "error Count: must be a whole number"],
  ["{app: agent}", "{version: 7}", "error Labels.version: must be a text, and is 7: quote it"],
  ["{owner: field}", "{bacalhau.org/x: y}", "error Meta.bacalhau.org/x: begins with bacalhau.org/"],
  // Constraints
  ['Operator: "="', 'Operator: "=~"', 'error Constraints[0].Operator: "=~" is none of'],
  ['Operator: "="', "Operator: In", 'error Constraints[0].Operator: "In" is none of'],
  ['Values: ["hold"]', "Values: []", 'error Constraints[1].Values: must have a value with "notin"'],
  ['Values: ["edge"]', 'Values: ["edge", "lab"]', 'error Constraints[0].Values: must have exactly one value with "="'],
  ["Operator: exists", 'Operator: exists, Values: ["a"]', 'error Constraints[2].Values: must be empty with "exists"'],
  ['Values: ["edge"]', 'Values: ["edge,lab"]', 'error Constraints[0].Values: "edge,lab" cannot be a label'],
  ['Values: ["edge"]', "Values: [7]", "error Constraints[0].Values[0]: must be a text, and is 7: quote it"],
  ['Operator: "="', "Operator: gt", 'error Constraints[0].Values: "edge" is no whole number'],
  ["Key: role", "Key: Architecture", 'warning Constraints[0].Key: "Architecture" is os_arch since'],
  ["Key: role", "Key: Role", 'warning Constraints[0].Key: "Role" has capitals'],
  [
    'Key: role, Operator: "=", Values: ["edge"]',
    'Key: os_arch, Operator: "=", Values: ["x64"]',
    'error Constraints[0].Values: "x64" is amd64',
  ],
  ["Key: role, ", "", "error Constraints[0].Key: is missing"],
  // The engine
  ["Type: docker", "Type: exec", 'error Tasks[0].Engine.Type: "exec" is none of docker, wasm'],
  ["        Image: debian:bookworm-slim\n", "", "error Tasks[0].Engine.Params.Image: is missing"],
  ['Entrypoint: ["/bin/sh", "-c"]', "Entrypoint: /bin/sh", "error Tasks[0].Engine.Params.Entrypoint: must be a list"],
  [
    "WorkingDirectory: /etc",
    "WorkingDirectory: etc",
    "error Tasks[0].Engine.Params.WorkingDirectory: must be absolute",
  ],
  ['["TZ=UTC"]', '["TZ"]', 'error Tasks[0].Engine.Params.EnvironmentVariables: "TZ" must be NAME=value'],
  ['["TZ=UTC"]', '["TZ=env:TZ"]', 'error Tasks[0].Engine.Params.EnvironmentVariables: "TZ=env:TZ" stays as it is'],
  [
    "exec /opt/agent/agent run",
    "/opt/agent/agent run",
    "error Tasks[0].Engine.Params.Parameters: never passes SIGTERM on",
  ],
  ['agent run"]', 'agent run", "--once"]', 'warning Tasks[0].Engine.Params.Parameters: "--once" is not used'],
  ["/opt/agent/agent run", "/set/agent run", ""],
  [
    '["/bin/sh", "-c"]',
    '["/set/agent"]',
    "error Tasks[0].Engine.Params.Entrypoint: /set/agent comes without its executable bit",
  ],
  // The environment
  ["{AGENT_NODE_ID: ", "{agent_node_id: ", "error Tasks[0].Env.agent_node_id: must be capitals"],
  ["{AGENT_NODE_ID: ", "{BACALHAU_NODE: ", "error Tasks[0].Env.BACALHAU_NODE: begins with BACALHAU_"],
  ['"env:EDGE_NAME"', '""', "error Tasks[0].Env.AGENT_NODE_ID: must not be empty"],
  ['"env:EDGE_NAME"', "7", "error Tasks[0].Env.AGENT_NODE_ID: must be a text, and is 7: quote it"],
  ['{AGENT_NODE_ID: "env:EDGE_NAME"}', '["A=b"]', "error Tasks[0].Env: must be a map, and is a list"],
  [
    'AGENT_NODE_ID: "env:EDGE_NAME"',
    "AWS_SECRET_ACCESS_KEY: abc",
    "warning Tasks[0].Env.AWS_SECRET_ACCESS_KEY: is shown to all",
  ],
  // Inputs
  ["Type: localDirectory", "Type: localDir", 'error Tasks[0].InputSources[0].Source.Type: "localDir" is none of'],
  ["Type: localDirectory", "Type: s3managed", "error Tasks[0].InputSources[0].Source.Type: s3managed is a publisher"],
  ["SourcePath: /opt/agent, ", "", "error Tasks[0].InputSources[0].Source.Params.SourcePath: is missing"],
  ["SourcePath: /opt", "SourcePath: opt", "error Tasks[0].InputSources[0].Source.Params.SourcePath: must be absolute"],
  [
    "ReadWrite: false",
    'ReadWrite: "no"',
    "error Tasks[0].InputSources[0].Source.Params.ReadWrite: must be true or false",
  ],
  [
    "ReadWrite: false",
    "ReadWrite: true, CreateAs: folder",
    'error Tasks[0].InputSources[0].Source.Params.CreateAs: "folder" is none of',
  ],
  ["ReadWrite: false", "CreateAs: dir", "error Tasks[0].InputSources[0].Source.Params.CreateAs: needs ReadWrite: true"],
  ["Target: /set", "Target: /opt/agent", 'error Tasks[0].InputSources[1].Target: "/opt/agent" is there twice'],
  ["Alias: set", "Alias: bin", 'error Tasks[0].InputSources[1].Alias: "bin" is there twice'],
  ["Target: /set, ", "", "error Tasks[0].InputSources[1].Target: is missing"],
  [
    '"data:application/gzip;base64,AAAA"',
    "AAAA",
    "error Tasks[0].InputSources[1].Source.Params.URL: must begin with data:",
  ],
  [
    'Type: inline, Params: {URL: "data:application/gzip;base64,AAAA"}',
    "Type: urlDownload, Params: {URL: https://x/agent}",
    "warning Tasks[0].InputSources[1].Source.Params: stops a daemon for each download",
  ],
  [
    'Type: inline, Params: {URL: "data:application/gzip;base64,AAAA"}',
    "Type: urlDownload, Params: {URL: ftp://x/agent}",
    'error Tasks[0].InputSources[1].Source.Params.URL: "ftp://x/agent" must begin',
  ],
  [
    'Type: inline, Params: {URL: "data:application/gzip;base64,AAAA"}',
    "Type: urlDownload, Params: {URL: https://x/set}",
    "warning Tasks[0].InputSources[1].Source.Params: is a file in the folder /set",
  ],
  [
    'Type: inline, Params: {URL: "data:application/gzip;base64,AAAA"}',
    "Type: urlDownload, Params: {URL: 'https://x/a?X-Amz-Signature=1'}",
    "error Tasks[0].InputSources[1].Source.Params.URL: is signed for GET",
  ],
  [
    'Type: inline, Params: {URL: "data:application/gzip;base64,AAAA"}',
    "Type: s3, Params: {Bucket: b, Key: k}",
    "error Tasks[0].InputSources[1].Source.Params: cannot be used in daemon",
  ],
  // Results, resources, network, time-outs
  [
    "    Network",
    "    ResultPaths: [{Name: a, Path: /a}]\n    Network",
    "error Tasks[0].ResultPaths: needs a Publisher",
  ],
  ["    Network", "    Publisher: {Type: loacl}\n    Network", 'error Tasks[0].Publisher.Type: "loacl" is none of'],
  ['CPU: "250m"', "CPU: 1", "error Tasks[0].Resources.CPU: must be a text, and is 1: quote it"],
  ['CPU: "250m"', 'CPU: "250 milli"', 'error Tasks[0].Resources.CPU: "250 milli" must be like'],
  ['Memory: "256Mb"', 'Memory: "256 megs"', 'error Tasks[0].Resources.Memory: "256 megs" must be like'],
  ['Memory: "256Mb"', 'Memory: "256"', 'warning Tasks[0].Resources.Memory: "256" is that many bytes'],
  ["{Type: Host}", "{Type: Hots}", 'error Tasks[0].Network.Type: "Hots" is none of'],
  ["{Type: Host}", "{Type: Host, Domains: [a.example]}", "error Tasks[0].Network.Domains: is for the type HTTP only"],
  [
    "{Type: Host}",
    "{Type: None, Ports: [{Name: a}]}",
    "error Tasks[0].Network.Ports: is for the types Host and Bridge",
  ],
  [
    "{Type: Host}",
    "{Type: Host, Ports: [{Name: a, Static: 80}]}",
    "error Tasks[0].Network.Ports[0].Static: must be from 1024",
  ],
  [
    "    Network",
    "    Timeouts: {ExecutionTimeout: 60}\n    Network",
    "warning Tasks[0].Timeouts: does nothing in daemon",
  ],
  // Templates
  ["Priority: 10", "Priority: {{.n}}", 'error line 5: the variable "n" has no value'],
  ["Priority: 10", "Priority: {{.given}}", "warning line 5: a template outside of quotes"],
  ["Priority: 10", "# {{.given}}", "warning line 5: a template in a comment"],
  ["Priority: 10", "Priority: {{range .given}}{{end}}", "error line 5: {{range .given}} is not a form"],
  [
    '["set -u; exec /opt/agent/agent run"]',
    "\n          - |\n            exec {{.given}}",
    "warning line 22: a template in a block of text",
  ],
  ['AGENT_NODE_ID: "env:EDGE_NAME"', "AGENT_FLAG: on", "warning line 22: on without quotes becomes true or false"],
];

test("each trap is found, by its place", () => {
  for (const [was, is, expected] of TRAPS) {
    expect(RIGHT).toContain(was);
    const found = said(RIGHT.replace(was, is), { given: "1" });
    if (expected === "") expect([is, found]).toEqual([is, []]);
    else expect([is, found]).toEqual([is, expect.arrayContaining([expect.stringContaining(expected)])]);
  }
});

test("traps of ops jobs, of tasks and of what is no spec", () => {
  const ofOps = (was: string, is: string) => said(OPS.replace(was, is));
  expect(ofOps("{ExecutionTimeout: 60}", '{ExecutionTimeout: "60s"}')).toEqual([
    'error Tasks[0].Timeouts.ExecutionTimeout: must be a whole number from 0, and is "60s"',
  ]);
  expect(ofOps("{ExecutionTimeout: 60}", "{QueueTimeout: 60}")).toEqual([
    expect.stringContaining("does nothing in ops"),
  ]);
  expect(ofOps("{ExecutionTimeout: 60}", "{ExecutionTimeout: 60, TotalTimeout: 30}")).toHaveLength(1);
  expect(said(`${RIGHT}  - Name: second\n`)).toEqual([expect.stringContaining("more than one task")]);
  expect(said("Name: a\nType: ops\n")).toEqual(["error Tasks: is missing"]);
  expect(said("Name: a\nType: ops\nTasks: [{Name: b}]\n")).toEqual(["error Tasks[0].Engine: is missing"]);
  expect(said("- a\n")).toEqual(["error : must be a map, and is a list"]);
  expect(said("")).toHaveLength(1);
  expect(said("a: [")).toEqual([expect.stringContaining("is no YAML")]);
  expect(said('Name: "{{.x}}"\n', { x: 'a"b' })).toEqual([expect.stringContaining("is no YAML")]);
});

const SUM = "0".repeat(64);
const VARIABLES: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  "fetch.yaml": [
    { url: "https://files.example.com/agent-linux-x64", sha256: SUM },
    { url: "https://files.example.com/agent", sha256: SUM, ring: "canary", arch: "arm64", image: "mirror/debian" },
  ],
  "rules.yaml": [{ rules: "H4sIAAAA" }, { url: "https://files.example.com/set.tar.gz", sha256: SUM, ring: "canary" }],
};

test("each spec that we ship has no findings, with the variables that its head names", async () => {
  const names = readdirSync(JOBS).filter((name) => name.endsWith(".yaml"));
  expect(names.length).toBeGreaterThanOrEqual(4);
  for (const name of names) {
    const text = await Bun.file(join(JOBS, name)).text();
    for (const variables of VARIABLES[name] ?? [{}, { ring: "canary", image: "mirror/debian" }]) {
      expect([name, said(text, variables)]).toEqual([name, []]);
    }
  }
});
