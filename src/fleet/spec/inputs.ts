/** The input sources of a task: their types, parameters and places. */
import type { Brought } from "./engine.ts";
import { at, type Findings, type Part } from "./findings.ts";

/** Names in lower case; the alias `local` is of Bacalhau 1.8. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  localDirectory: ["SourcePath", "ReadWrite", "CreateAs"],
  local: ["SourcePath", "ReadWrite", "CreateAs"],
  urlDownload: ["URL"],
  s3: ["Bucket", "Key", "Filter", "Region", "Endpoint", "VersionID", "ChecksumSHA256", "Partition"],
  inline: ["URL"],
  ipfs: ["CID"],
  s3PreSigned: ["PreSignedURL"],
};

/** The folders into which Bacalhau brings files, which lose their executable bit. */
export function checkInputs(value: unknown, path: string, type: string, findings: Findings): readonly Brought[] {
  const inputs = findings.list(value, path).map((each, index) => checkInput(each, `${path}[${index}]`, type, findings));
  findings.unique(
    inputs.map(({ target }) => target),
    (index) => `${path}[${index}].Target`,
  );
  findings.unique(
    inputs.map(({ alias }) => alias),
    (index) => `${path}[${index}].Alias`,
  );
  return inputs.flatMap(({ target, isBrought }) => (isBrought && target !== null ? [{ target }] : []));
}

type Input = { readonly target: string | null; readonly alias: string | null; readonly isBrought: boolean };

function checkInput(value: unknown, path: string, type: string, findings: Findings): Input {
  const input = findings.part(value, path, ["Source", "Alias", "Target"]) ?? {};
  const alias = findings.text(input["Alias"], at(path, "Alias"));
  const target = findings.neededText(input["Target"], at(path, "Target"));
  if (target !== null && !target.startsWith("/")) findings.error(at(path, "Target"), "must be absolute");
  const source = findings.part(input["Source"], at(path, "Source"), ["Type", "Params"]);
  if (source === null) findings.error(at(path, "Source"), "is missing");
  const named = findings.neededText(source?.["Type"], at(path, "Source.Type"));
  if (named?.toLowerCase() === "s3managed") {
    findings.error(at(path, "Source.Type"), "s3managed is a publisher, and no source");
    return { target, alias, isBrought: false };
  }
  const kind = findings.oneOf(named, at(path, "Source.Type"), Object.keys(SOURCES));
  if (kind === null) return { target, alias, isBrought: false };
  const place = at(path, "Source.Params");
  const params = findings.part(source?.["Params"] ?? {}, place, SOURCES[kind] ?? []) ?? {};
  if (kind === "localDirectory" || kind === "local") checkLocal(params, place, findings);
  else if (kind === "s3") checkS3(params, place, type, findings);
  else checkUrl({ kind, params, target }, place, type, findings);
  return { target, alias, isBrought: kind === "urlDownload" || kind === "s3" || kind === "inline" };
}

function checkLocal(params: Part, path: string, findings: Findings): void {
  const source = findings.neededText(params["SourcePath"], at(path, "SourcePath"));
  if (source !== null && !source.startsWith("/")) findings.error(at(path, "SourcePath"), "must be absolute");
  const write = params["ReadWrite"];
  if (write !== undefined && typeof write !== "boolean") findings.error(at(path, "ReadWrite"), "must be true or false");
  const made = findings.text(params["CreateAs"], at(path, "CreateAs"));
  findings.oneOf(made, at(path, "CreateAs"), ["dir", "file", "noCreate"]);
  if (made !== null && made.toLowerCase() !== "nocreate" && write !== true) {
    findings.error(at(path, "CreateAs"), "needs ReadWrite: true");
  }
}

function checkS3(params: Part, path: string, type: string, findings: Findings): void {
  findings.neededText(params["Bucket"], at(path, "Bucket"));
  findings.neededText(params["Key"], at(path, "Key"));
  if (type === "ops" || type === "daemon") {
    findings.error(
      path,
      `cannot be used in ${type} since Bacalhau 1.6.5: every bid fails with "partitions/count must be greater than 0"`,
    );
  }
}

type UrlInput = { readonly kind: string; readonly params: Part; readonly target: string | null };

function checkUrl({ kind, params, target }: UrlInput, path: string, type: string, findings: Findings): void {
  const [name = "URL"] = SOURCES[kind] ?? [];
  const url = findings.neededText(params[name], at(path, name));
  if (url === null) return;
  if (kind === "inline" && !/^data:[^,]*,/.test(url)) findings.error(at(path, name), "must begin with data:");
  if (kind !== "urlDownload") return;
  if (!/^https?:\/\/[^/]/.test(url)) findings.error(at(path, name), `"${url}" must begin with http:// or https://`);
  if (/[?&]X-Amz-Signature=/i.test(url)) {
    findings.error(at(path, name), "is signed for GET, and Bacalhau asks with HEAD first");
  }
  const file = url
    .replace(/[?#].*$/, "")
    .split("/")
    .at(-1);
  if (target !== null && file !== "" && target.endsWith(`/${file}`)) {
    findings.warn(path, `is a file in the folder ${target}: Target is always a folder`);
  }
  if (type === "daemon" || type === "service") {
    findings.warn(
      path,
      `stops a ${type} for each download, and for good where the server is away: bring it with jobs/fetch.yaml`,
    );
  }
}
