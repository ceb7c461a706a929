/**
 * What the two tables of errors share: a line for what became of a call that was answered badly, and the golden file of
 * all lines. `AGENT_GOLDEN=write bun test FILE` writes it; read the difference before you keep it.
 */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../core/errors.ts";
import { notPasteable } from "../testing/pasteable.ts";
import { type Problem, problemOf } from "./plan.ts";

/** The command of these tests: the way out of what names no other. */
export const AGAIN = "agent provision apply";

/** The problems that a person sees, with what is thrown before anything was read. A bug is thrown on. */
export async function problemsOf(work: () => Promise<readonly Problem[]>): Promise<readonly Problem[]> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return [problemOf("", error, AGAIN)];
  }
}

/** In one line what a person reads, which must be a sentence and a command that can be pasted; or that all went well. */
export function reportOf(problems: readonly Problem[]): string {
  const lines = problems.map(({ message, advice, missing, try: hint }) => {
    expect([message, hint]).toEqual([expect.stringMatching(/^Cannot [a-z].*: \S/), expect.any(String)]);
    expect([hint, notPasteable(hint ?? "")]).toEqual([hint, null]);
    return [
      message,
      ...(advice === null ? [] : [advice]),
      ...(missing === null ? [] : [`missing: ${missing}`]),
      `try: ${hint}`,
    ].join(" | ");
  });
  return lines.length === 0 ? "survived" : `error: ${lines.join(" & ")}`;
}

export function expectGolden(name: string, lines: readonly string[]): void {
  const path = join(import.meta.dir, "golden", name);
  const text = `${lines.join("\n")}\n`;
  if (process.env["AGENT_GOLDEN"] === "write") writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, "utf8"));
}
