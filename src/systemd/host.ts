/** The machine as a plan sees it, and the steps of a plan: what is shown is what is done. */

export type FileFacts = {
  readonly uid: number;
  readonly gid: number;
  /** The permission bits alone. */
  readonly mode: number;
  readonly isFolder: boolean;
  readonly bytes: number;
  /** Device and inode: the same for two names of one file. */
  readonly identity: string;
};

export type Account = { readonly uid: number; readonly gid: number; readonly home: string; readonly shell: string };

/** What a plan asks. Changes nothing. */
export interface HostView {
  /** The user that runs this command. */
  readonly uid: number;
  /** What systemd's tools say its version is; null: systemd does not run here. */
  readonly systemdVersion: number | null;
  facts(path: string): FileFacts | null;
  /** Names in a folder, sorted; none where it is missing or cannot be read. */
  names(path: string): readonly string[];
  /** Null: there is no such file. Throws where it cannot be read. */
  text(path: string): string | null;
  sameContent(one: string, other: string): boolean;
  account(name: string): Account | null;
  groupName(gid: number): string | null;
  /** The properties of a unit that systemd knows, by name; empty without systemd. */
  unit(name: string): Readonly<Record<string, string>>;
}

/** One thing that is done. */
export type Deed =
  | { readonly do: "run"; readonly command: readonly string[] }
  | { readonly do: "folder"; readonly path: string; readonly mode: number; readonly owner: string | null }
  /** A new file. */
  | {
      readonly do: "write";
      readonly path: string;
      readonly text: string;
      readonly mode: number;
      readonly owner: string | null;
    }
  | { readonly do: "own"; readonly path: string; readonly mode: number | null; readonly owner: string | null }
  /** In one piece; what was there is `PATH.previous` afterwards. */
  | { readonly do: "binary"; readonly from: string; readonly path: string }
  /** With everything below it. */
  | { readonly do: "delete"; readonly path: string };

export interface Host extends HostView {
  /** Throws an AgentError that says what could not be done. */
  perform(deed: Deed): void;
}

export type Step = {
  readonly what: string;
  /** "keep": it stays, and why is said. */
  readonly action: "none" | "create" | "update" | "delete" | "keep" | "run";
  readonly because: string;
  /** Lines to show below: a new file, or what changes in it. */
  readonly shown: readonly string[];
  readonly deeds: readonly Deed[];
};

export const unchanged = (what: string, because: string): Step => {
  return { what, action: "none", because, shown: [], deeds: [] };
};

/** A deed as a person would type it. */
export function typedDeed(deed: Deed): string {
  const owner = "owner" in deed && deed.owner !== null ? ` ${deed.owner}` : "";
  const mode = "mode" in deed && deed.mode !== null ? ` ${deed.mode.toString(8).padStart(4, "0")}` : "";
  switch (deed.do) {
    case "run":
      return deed.command.join(" ");
    case "folder":
      return `make ${deed.path}${mode}${owner}`;
    case "write":
      return `write ${deed.path}${mode}${owner}`;
    case "own":
      return `change ${deed.path}:${mode}${owner}`;
    case "binary":
      return `copy ${deed.from} to ${deed.path}`;
    case "delete":
      return `delete ${deed.path}`;
  }
}
