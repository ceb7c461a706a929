/** The engine of a task: its type and parameters, and how SIGTERM reaches the program. */
import { at, type Findings } from "./findings.ts";

const DOCKER = ["Image", "Entrypoint", "Parameters", "EnvironmentVariables", "WorkingDirectory"];
const SHELLS = ["sh", "bash", "dash", "ash"];

export type Words = { readonly entrypoint: readonly string[]; readonly parameters: readonly string[] };
/** A folder of the container in which files without the executable bit are. */
export type Brought = { readonly target: string };

export function checkEngine(value: unknown, path: string, findings: Findings): Words {
  const none = { entrypoint: [], parameters: [] };
  const engine = findings.part(value, path, ["Type", "Params"]);
  if (engine === null) {
    if (value === undefined || value === null) findings.error(path, "is missing");
    return none;
  }
  const type = findings.neededText(engine["Type"], at(path, "Type"));
  if (findings.oneOf(type, at(path, "Type"), ["docker", "wasm"]) !== "docker") return none;
  const place = at(path, "Params");
  const params = findings.part(engine["Params"] ?? {}, place, DOCKER);
  if (params === null) return none;
  findings.neededText(params["Image"], at(place, "Image"));
  const work = findings.text(params["WorkingDirectory"], at(place, "WorkingDirectory"));
  if (work !== null && !work.startsWith("/")) findings.error(at(place, "WorkingDirectory"), "must be absolute");
  const variables = findings.texts(params["EnvironmentVariables"], at(place, "EnvironmentVariables"));
  for (const each of variables) {
    if (!/^[A-Za-z_]\w*=/.test(each)) findings.error(at(place, "EnvironmentVariables"), `"${each}" must be NAME=value`);
    else if (each.includes("=env:")) {
      findings.error(at(place, "EnvironmentVariables"), `"${each}" stays as it is: env: works in the task's Env only`);
    }
  }
  const entrypoint = findings.texts(params["Entrypoint"], at(place, "Entrypoint"));
  return { entrypoint, parameters: findings.texts(params["Parameters"], at(place, "Parameters")) };
}

type Started = Words & { readonly inputs: readonly Brought[] };

/** What the container's first process does with SIGTERM, and whether it can start at all. */
export function checkSignals(started: Started, path: string, type: string, findings: Findings): void {
  const words = [...started.entrypoint, ...started.parameters];
  const [program = "", ...rest] = words;
  const brought = started.inputs.find(({ target }) => program.startsWith(`${target.replace(/\/$/, "")}/`));
  if (brought !== undefined) {
    findings.error(
      at(path, "Params.Entrypoint"),
      `${program} comes without its executable bit, and does not start (126)`,
    );
  }
  if (!SHELLS.includes(program.split("/").at(-1) ?? "")) return;
  const script = scriptOf(rest);
  if (script === null) return;
  if (script.behind.length > 0 && !/\$[0-9@*#]/.test(script.text)) {
    findings.warn(at(path, "Params.Parameters"), `"${script.behind[0]}" is not used: behind the script it is its $0`);
  }
  if ((type === "daemon" || type === "service") && !passesTermOn(script.text)) {
    findings.error(
      at(path, "Params.Parameters"),
      "never passes SIGTERM on, and is killed after 1 s: begin its last command with exec, or trap TERM",
    );
  }
}

/** Of `sh -c SCRIPT …`. */
function scriptOf(words: readonly string[]): { readonly text: string; readonly behind: readonly string[] } | null {
  const flag = words.findIndex((word) => /^-[a-z]*c$/.test(word));
  const text = words[flag + 1];
  return flag < 0 || text === undefined ? null : { text, behind: words.slice(flag + 2) };
}

function passesTermOn(script: string): boolean {
  const lines = script.split("\n").map((line) => line.replace(/(?:^|\s)#.*$/, "").trim());
  if (lines.some((line) => /\btrap\b.*\b(?:SIG)?TERM\b|\btrap\b.*\s15\b/.test(line))) return true;
  const last = lines.findLast((line) => line !== "") ?? "";
  return /(?:^|[;&|]\s*)exec\s+\S/.test(last);
}
