/** Resources, network and time-outs of a task. */
import { at, type Findings } from "./findings.ts";

const CPU = /^(?:\d+m|\d+(?:\.\d+)?)$/;
const BYTES = /^\d+(?:\.\d+)?\s*(?:b|[kmgtpe]b?|[kmgtpe]ib?)?$/i;

export function checkResources(value: unknown, path: string, findings: Findings): void {
  const part = findings.part(value, path, ["CPU", "Memory", "Disk", "GPU"]);
  if (part === null) return;
  const judge = (name: string, form: RegExp, example: string) => {
    const text = findings.text(part[name], at(path, name));
    if (text !== null && !form.test(text.trim())) findings.error(at(path, name), `"${text}" must be like ${example}`);
  };
  judge("CPU", CPU, '"250m" or "0.5"');
  judge("Memory", BYTES, '"256Mb" or "256MiB"');
  judge("Disk", BYTES, '"1Gb"');
  judge("GPU", /^\d+$/, '"1"');
  const memory = part["Memory"];
  if (typeof memory === "string" && /^\d+$/.test(memory.trim())) {
    findings.warn(at(path, "Memory"), `"${memory}" is that many bytes`);
  }
}

const NETWORKS = ["Default", "None", "Host", "Full", "HTTP", "Bridge"];

export function checkNetwork(value: unknown, path: string, findings: Findings): void {
  const part = findings.part(value, path, ["Type", "Domains", "Ports"]);
  if (part === null) return;
  const type = findings.oneOf(findings.text(part["Type"], at(path, "Type")), at(path, "Type"), NETWORKS) ?? "Default";
  if (findings.texts(part["Domains"], at(path, "Domains")).length > 0 && type !== "HTTP") {
    findings.error(at(path, "Domains"), "is for the type HTTP only");
  }
  const ports = findings.list(part["Ports"], at(path, "Ports"));
  if (ports.length > 0 && !["Host", "Full", "Bridge"].includes(type)) {
    findings.error(at(path, "Ports"), "is for the types Host and Bridge only");
  }
  for (const [index, each] of ports.entries()) {
    const place = at(path, `Ports[${index}]`);
    const port = findings.part(each, place, ["Name", "Static", "Target", "HostNetwork"]) ?? {};
    findings.neededText(port["Name"], at(place, "Name"));
    const fixed = findings.integer(port["Static"], at(place, "Static"));
    if (fixed !== null && fixed !== 0 && (fixed < 1_024 || fixed > 65_535)) {
      findings.error(at(place, "Static"), "must be from 1024 to 65535");
    }
    findings.integer(port["Target"], at(place, "Target"));
    if (port["Target"] !== undefined && type !== "Bridge") findings.error(at(place, "Target"), "is for Bridge only");
    findings.text(port["HostNetwork"], at(place, "HostNetwork"));
  }
}

export function checkTimeouts(value: unknown, path: string, type: string, findings: Findings): void {
  const part = findings.part(value, path, ["ExecutionTimeout", "QueueTimeout", "TotalTimeout"]);
  if (part === null) return;
  const seconds = (name: string) => findings.integer(part[name], at(path, name)) ?? 0;
  const [execution, queue, total] = [seconds("ExecutionTimeout"), seconds("QueueTimeout"), seconds("TotalTimeout")];
  if (total > 0 && execution + queue > total) {
    findings.error(at(path, "TotalTimeout"), "is less than ExecutionTimeout and QueueTimeout together");
  }
  if (type === "daemon" || type === "service")
    findings.warn(path, `does nothing in ${type}, which runs until it is stopped`);
  else if (type === "ops" && part["QueueTimeout"] !== undefined) {
    findings.warn(at(path, "QueueTimeout"), "does nothing in ops: without a node that matches the job fails at once");
  }
}
