/**
 * Checks a Bacalhau job spec for what `bacalhau job validate` lets through: it knows no nested key, no parameter of engines and
 * sources, no operator and no template, and what it misses fails later on every node at once, or does nothing. By the source of
 * Bacalhau 1.9: pkg/models, pkg/executor/docker/models, pkg/storage.
 */
import { checkEngine, checkSignals } from "./engine.ts";
import { at, type Finding, Findings, type Part } from "./findings.ts";
import { checkInputs } from "./inputs.ts";
import { checkNetwork, checkResources, checkTimeouts } from "./limits.ts";
import { renderSpec, type Variables } from "./render.ts";
import { templateFindings } from "./templates.ts";

const TYPES = ["batch", "ops", "daemon", "service"];
const JOB_KEYS = ["Name", "Namespace", "Type", "Priority", "Count", "Constraints", "Labels", "Meta", "Tasks"];
/** The server sets these. */
const SET_BY_SERVER = ["id", "state", "version", "revision", "createtime", "modifytime"];
const TASK_KEYS = [
  ...["Name", "Engine", "Publisher", "Env", "Meta", "InputSources", "ResultPaths", "Resources", "Network", "Timeouts"],
];
const OPERATORS = ["in", "notin", "exists", "!", "=", "==", "!=", "gt", "lt"];
/** A label's value: of Kubernetes. */
const LABEL = /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$/;
const OLD_KEYS: Readonly<Record<string, string>> = { Architecture: "os_arch", "Operating-System": "os_type" };
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", x86_64: "amd64", aarch64: "arm64" };

/** All of a file's findings, with its templates rendered as `bacalhau job run -V name=value` does. Empty: nothing is wrong. */
export function checkSpec(text: string, variables: Variables): readonly Finding[] {
  const rendered = renderSpec(text, variables);
  const ofTemplates = templateFindings(text);
  if (!("text" in rendered)) {
    const ofRendering = rendered.problems.map(({ line, message }): Finding => {
      return { level: "error", path: line === undefined ? "" : `line ${line}`, message };
    });
    return [...ofRendering, ...ofTemplates];
  }
  const findings = new Findings();
  let spec: unknown;
  try {
    spec = Bun.YAML.parse(rendered.text);
  } catch (error) {
    findings.error("", `is no YAML when it is rendered: ${error instanceof Error ? error.message : String(error)}`);
    return [...findings.all, ...ofTemplates];
  }
  checkJob(spec, findings);
  return [...findings.all, ...ofTemplates];
}

function checkJob(spec: unknown, findings: Findings): void {
  const map = findings.map(spec ?? "nothing", "");
  if (map === null) return;
  const given = Object.entries(map).filter(([key]) => {
    const isOfServer = SET_BY_SERVER.includes(key.toLowerCase());
    if (isOfServer) findings.error(key, "is set by the server, and refused in a spec");
    return !isOfServer;
  });
  const job = findings.part(Object.fromEntries(given), "", JOB_KEYS) ?? {};
  const type = findings.neededText(job["Type"], "Type");
  if (type !== null && !TYPES.includes(type)) {
    const folded = TYPES.find((each) => each === type.toLowerCase());
    const hint = folded === undefined ? `is none of ${TYPES.join(", ")}` : `must be written ${folded}`;
    findings.error("Type", `"${type}" ${hint}`);
  }
  if (findings.text(job["Name"], "Name") === null && job["Name"] === undefined) {
    findings.error("Name", "is missing: without it each submission is another job, and none is an update");
  }
  findings.text(job["Namespace"], "Namespace");
  findings.integer(job["Priority"], "Priority", Number.MIN_SAFE_INTEGER);
  const isOnAll = type === "ops" || type === "daemon";
  const count = findings.integer(job["Count"], "Count");
  if (isOnAll && count !== null && count > 1)
    findings.error("Count", `must not be above 1 in ${type}: it runs on all nodes`);
  checkConstraints(job["Constraints"], findings);
  findings.textMap(job["Labels"], "Labels");
  checkMeta(findings.textMap(job["Meta"], "Meta"), findings);
  const tasks = findings.list(job["Tasks"], "Tasks");
  if (tasks.length === 0) findings.error("Tasks", "is missing");
  if (tasks.length > 1) findings.error("Tasks", "has more than one task: Bacalhau drops all but the first");
  for (const [index, task] of tasks.slice(0, 1).entries()) checkTask(task, `Tasks[${index}]`, type ?? "", findings);
}

function checkMeta(meta: Readonly<Record<string, string>>, findings: Findings): void {
  for (const key of Object.keys(meta)) {
    if (key.startsWith("bacalhau.org/"))
      findings.error(at("Meta", key), "begins with bacalhau.org/, which is reserved");
  }
}

function checkConstraints(value: unknown, findings: Findings): void {
  for (const [index, each] of findings.list(value, "Constraints").entries()) {
    const path = `Constraints[${index}]`;
    const part = findings.part(each, path, ["Key", "Operator", "Values"]);
    if (part === null) continue;
    const key = findings.neededText(part["Key"], at(path, "Key"));
    const operator = findings.neededText(part["Operator"], at(path, "Operator"));
    const values = findings.texts(part["Values"], at(path, "Values"));
    if (key !== null) checkKey(key, values, path, findings);
    if (operator === null) continue;
    if (!OPERATORS.includes(operator)) {
      findings.error(at(path, "Operator"), `"${operator}" is none of ${OPERATORS.join(" ")}`);
    } else checkValues(operator, values, at(path, "Values"), findings);
  }
}

function checkKey(key: string, values: readonly string[], path: string, findings: Findings): void {
  const now = OLD_KEYS[key];
  if (now !== undefined) {
    findings.warn(at(path, "Key"), `"${key}" is ${now} since Bacalhau 1.8, and matches no node there`);
  } else if (/[A-Z]/.test(key) && !key.startsWith("GPU-")) {
    findings.warn(
      at(path, "Key"),
      `"${key}" has capitals: labels of a node's configuration have none, and it may match no node`,
    );
  }
  const wrong = key === "os_arch" ? values.find((value) => Object.hasOwn(ARCHITECTURES, value)) : undefined;
  if (wrong !== undefined) findings.error(at(path, "Values"), `"${wrong}" is ${ARCHITECTURES[wrong]} in os_arch`);
}

function checkValues(operator: string, values: readonly string[], path: string, findings: Findings): void {
  const isBare = operator === "exists" || operator === "!";
  const isList = operator === "in" || operator === "notin";
  if (isBare && values.length > 0) findings.error(path, `must be empty with "${operator}"`);
  if (isList && values.length === 0) findings.error(path, `must have a value with "${operator}"`);
  if (!isBare && !isList && values.length !== 1) findings.error(path, `must have exactly one value with "${operator}"`);
  for (const value of values) {
    if (!LABEL.test(value))
      findings.error(path, `"${value}" cannot be a label's value: 63 letters, digits, - _ . at most`);
    else if ((operator === "gt" || operator === "lt") && !/^-?\d+$/.test(value)) {
      findings.error(path, `"${value}" is no whole number, which "${operator}" compares`);
    }
  }
}

function checkTask(value: unknown, path: string, type: string, findings: Findings): void {
  const task: Part | null = findings.part(value, path, TASK_KEYS);
  if (task === null) return;
  findings.neededText(task["Name"], at(path, "Name"));
  findings.textMap(task["Meta"], at(path, "Meta"));
  const env = findings.textMap(task["Env"], at(path, "Env"));
  checkEnv(env, at(path, "Env"), findings);
  const engine = checkEngine(task["Engine"], at(path, "Engine"), findings);
  const inputs = checkInputs(task["InputSources"], at(path, "InputSources"), type, findings);
  checkSignals({ ...engine, inputs }, at(path, "Engine"), type, findings);
  checkResults(task, path, type, findings);
  checkResources(task["Resources"], at(path, "Resources"), findings);
  checkNetwork(task["Network"], at(path, "Network"), findings);
  checkTimeouts(task["Timeouts"], at(path, "Timeouts"), type, findings);
}

function checkEnv(env: Readonly<Record<string, string>>, path: string, findings: Findings): void {
  for (const [name, value] of Object.entries(env)) {
    const place = at(path, name);
    if (!/^[A-Z][A-Z0-9_]*$/.test(name))
      findings.error(place, "must be capitals, digits and _, and begin with a letter");
    else if (name.startsWith("BACALHAU_")) findings.error(place, "begins with BACALHAU_, which is reserved");
    if (value === "") findings.error(place, "must not be empty");
    else if (/SECRET|TOKEN|PASSWORD|PRIVATE_KEY/.test(name) && !value.startsWith("env:")) {
      findings.warn(
        place,
        "is shown to all who may read the job, of every version: keep it in /etc/agent/.env on the node",
      );
    }
  }
}

const PUBLISHERS = ["local", "s3", "s3managed", "ipfs", "noop"];

function checkResults(task: Part, path: string, type: string, findings: Findings): void {
  const publisher = findings.part(task["Publisher"], at(path, "Publisher"), ["Type", "Params"]);
  if (publisher !== null) {
    const name = findings.neededText(publisher["Type"], at(path, "Publisher.Type"));
    findings.oneOf(name, at(path, "Publisher.Type"), PUBLISHERS);
  }
  const results = findings.list(task["ResultPaths"], at(path, "ResultPaths"));
  if (results.length > 0 && publisher === null) findings.error(at(path, "ResultPaths"), "needs a Publisher");
  if ((results.length > 0 || publisher !== null) && (type === "daemon" || type === "service")) {
    findings.warn(at(path, "Publisher"), `does nothing in ${type}: only batch and ops have results`);
  }
  for (const [index, each] of results.entries()) {
    const place = at(path, `ResultPaths[${index}]`);
    const part = findings.part(each, place, ["Name", "Path"]) ?? {};
    findings.neededText(part["Name"], at(place, "Name"));
    const inner = findings.neededText(part["Path"], at(place, "Path"));
    if (inner !== null && !inner.startsWith("/")) findings.error(at(place, "Path"), "must be absolute");
  }
}
