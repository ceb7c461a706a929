/** `agent bacalhau check FILE`: what `bacalhau job validate` lets through. Reads only the file; needs no Bacalhau. */
import { resolve } from "node:path";
import { AgentError, messageOf, UsageError } from "../../core/errors.ts";
import { oneLine } from "../../core/log/log.ts";
import { readFileText } from "../../core/outside/file-text.ts";
import { checkSpec } from "../../fleet/spec/check.ts";
import { type Variables, variablesOf } from "../../fleet/spec/render.ts";
import { defineCommand } from "../frame/command.ts";

/** What Bacalhau takes. */
const SPEC_BYTES = 10 * 1024 * 1024;

export const command = defineCommand({
  name: "check",
  summary: "Check a job spec: unknown keys, engines, sources, constraints, templates, signals, limits.",
  args: {
    file: { type: "positional", valueHint: "FILE", description: "The job spec, in YAML.", required: true },
    templateVars: {
      type: "string",
      description: "Values of its variables, as `bacalhau job run --template-vars` takes them.",
      valueHint: "NAME=VALUE,…",
    },
    json: { type: "boolean", description: "One JSON value: {ok, findings: [{level, path, message}]}." },
  },
  looks: true,
  examples: ["agent bacalhau check jobs/agent.yaml", "agent bacalhau check jobs/rules.yaml --template-vars rules=AAAA"],
  run: async (flags, context) => {
    const text = readSpec(flags.file, context.cwd);
    const findings = checkSpec(text, variablesIn(flags.templateVars ?? ""));
    const ok = findings.every(({ level }) => level === "warning");
    if (flags.json) {
      await context.write(`${JSON.stringify({ ok, findings }, null, 2)}\n`);
      return ok ? 0 : 1;
    }
    for (const { level, path, message } of findings) {
      const place = path === "" ? flags.file : `${flags.file}: ${path}`;
      await context.write(`${oneLine(`${place}: ${level === "warning" ? "warning: " : ""}${message}`)}\n`);
    }
    const names = variablesOf(text);
    const given = names.length === 0 ? "" : `; its variables: ${names.join(", ")}`;
    if (ok) await context.write(`${oneLine(`${flags.file} is fine${given}`)}\n`);
    return ok ? 0 : 1;
  },
});

function readSpec(file: string, cwd: string): string {
  try {
    return readFileText(resolve(cwd, file), SPEC_BYTES);
  } catch (error) {
    throw new AgentError(`Cannot read job spec "${file}": ${messageOf(error)}`, { cause: error });
  }
}

/** `a=1,b=2`. A comma in a value needs quotes there; no value of our own specs has one. */
function variablesIn(text: string): Variables {
  const pairs = text === "" ? [] : text.split(",");
  return Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const at = pair.indexOf("=");
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
      throw new UsageError(`Cannot use --template-vars: "${pair}" is not NAME=VALUE`, {
        tryHint: "agent bacalhau check --help",
      });
    }),
  );
}
