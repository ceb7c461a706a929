import { expect, test } from "bun:test";
import { UsageError } from "../core/errors.ts";
import { workspaceOrigin } from "./address.ts";
import { profileNames, readProfile } from "./profile-file.ts";

test("an address is what people paste", () => {
  const origin = "https://dbc-1.cloud.databricks.com";
  for (const host of ["dbc-1.cloud.databricks.com", `${origin}/`, `${origin}/?o=123`, `${origin}/sql/editor`]) {
    expect(workspaceOrigin(host)).toBe(origin);
  }
  expect(workspaceOrigin("http://127.0.0.1:8080")).toBe("http://127.0.0.1:8080");
});

test("a token goes over https, to a workspace", () => {
  for (const host of [
    "http://dbc-1.cloud.databricks.com",
    "http://127.0.0.1.evil.example",
    "ftp://x",
    "https://",
    "https://u:p@h",
  ]) {
    expect(() => workspaceOrigin(host)).toThrow(UsageError);
  }
  expect(() => workspaceOrigin("https://accounts.cloud.databricks.com")).toThrow("account console");
  expect(() => workspaceOrigin("http://dbc-1.cloud.databricks.com")).toThrow("https only");
});

test("a profile of ~/.databrickscfg is read as the Databricks CLI writes it", () => {
  const text = `; comment\n[DEFAULT]\nhost = https://a\ntoken=dapi1\r\n\n[ field ]\nHOST: https://b\nclient_id = id=1\nclient_secret =  s\nauth_type = x\n# token = no\nwarehouse_id =\n`;
  expect(readProfile(text, "DEFAULT")).toEqual({ host: "https://a", token: "dapi1" });
  expect(readProfile(text, "field")).toEqual({ host: "https://b", clientId: "id=1", clientSecret: "s" });
  expect(readProfile(text, "none")).toBeNull();
  expect(profileNames(text)).toEqual(["DEFAULT", "field"]);
});
