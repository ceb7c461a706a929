#!/usr/bin/env bun
/** The way in and out of the process: argv, environment and signals in, exit code out. No other file ends it. */
import { versionText } from "./core/version.ts";

// Before anything else is loaded: deploy scripts ask for the version of a thousand nodes.
if (process.argv.length === 3 && process.argv[2] === "--version") {
  process.stdout.write(versionText());
} else {
  const { start } = await import("./cli/frame/process.ts");
  await start(process.argv.slice(2));
}
