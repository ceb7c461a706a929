/**
 * The text of the agent's systemd unit: the one source for `agent service install` and for the Debian package. A pure
 * function of its options; `src/systemd/unit.test.ts` asks `systemd-analyze` about it.
 */

/** What a unit needs to know. Paths are absolute. */
export type UnitOptions = {
  /** Without `.service`: `agent`, or `agent-NAME` where several are on one host. */
  readonly name: string;
  readonly binary: string;
  /** The working directory, with `.env` and `rules/`: to the agent it is read-only. */
  readonly configDir: string;
  readonly dataDir: string;
  readonly user: string;
  /** More groups of that user, by which it can read what sources read. */
  readonly groups: readonly string[];
  /** Folders that it must write beside the data dir. They must exist when it starts. */
  readonly writes: readonly string[];
  /** Folders that sources read. Those below a home or /tmp, which the service does not see, are bound into its view. */
  readonly reads: readonly string[];
  /** systemd 254 and later wait longer after each failed start. Earlier ones warn about the two lines that say so. */
  readonly hasBackOff: boolean;
};

/** A data dir below it is made by systemd, with its owner: `StateDirectory=`. */
const STATE_ROOT = "/var/lib/";

/** The service has its own, empty ones of these: ProtectHome, PrivateTmp. */
const HIDDEN = ["/home", "/root", "/run/user", "/tmp", "/var/tmp"];

/** How every text of `unitText` begins: a file without it is not ours. */
export const UNIT_MARK = '# The unit of "agent service"';

/** An installation of this name at the usual places; a package uses it as it is. `null`: the only agent of the host. */
export function usualUnit(name: string | null): UnitOptions {
  const own = name === null ? "agent" : `agent-${name}`;
  return {
    name: own,
    binary: "/opt/agent/agent",
    configDir: `/etc/${own}`,
    dataDir: `${STATE_ROOT}${own}`,
    user: own,
    groups: [],
    writes: [],
    reads: [],
    hasBackOff: false,
  };
}

/** User and data dir of a text of `unitText`; null where it does not say them. */
export function ownersOf(text: string): { readonly user: string | null; readonly dataDir: string | null } {
  const quoted = /^Environment="?AGENT_DATA_DIR=(.*?)"?$/m.exec(text)?.[1];
  const dataDir =
    quoted
      ?.replace(/\\([\\"])/g, "$1")
      .replaceAll("%%", "%")
      .replaceAll("$$", "$") ?? null;
  return { user: /^User=(.+)$/m.exec(text)?.[1] ?? null, dataDir };
}

/**
 * The whole unit file, which ends with a newline. `options`: `usualUnit(null)`, changed where the host is another. Throws a
 * RangeError for a path that a unit file cannot hold (a line break).
 */
export function unitText(options: UnitOptions): string {
  const { name, binary, configDir, dataDir, user } = options;
  return `${[
    `${UNIT_MARK}: your changes belong into a drop-in, which no update touches:`,
    `#   systemctl edit ${name}`,
    "[Unit]",
    "Description=Edge agent: sensor readings, kept and delivered exactly once",
    // Neither network-online nor time-sync: without network and time the agent keeps what it takes, and says how sure a time is.
    "After=network.target",
    `RequiresMountsFor=${[dataDir, ...options.writes, ...options.reads].map(word).join(" ")}`,
    "# It is started again, however often it ended.",
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=notify",
    "NotifyAccess=main",
    `ExecStart=${word(binary)} run`,
    'ExecReload=/bin/kill -HUP "$MAINPID"',
    `WorkingDirectory=${plain(configDir)}`,
    "# Everything else is in .env of the working directory, which the agent reads itself: SIGHUP reads it again.",
    `Environment=${word(`AGENT_DATA_DIR=${dataDir}`)}`,
    "Restart=always",
    "RestartSec=2s",
    ...(options.hasBackOff ? ["RestartSteps=6", "RestartMaxDelaySec=1min"] : []),
    "# The agent asks for more time while it opens a large buffer, or waits for another agent's lock.",
    "TimeoutStartSec=10min",
    "TimeoutStopSec=20s",
    "# Both loops of the agent report; a network that is down is no reason to be killed.",
    "WatchdogSec=2min",
    // The usual SIGABRT makes Bun print a report of a crash that is none.
    "WatchdogSignal=SIGKILL",
    "",
    `User=${user}`,
    `Group=${user}`,
    ...(options.groups.length > 0 ? [`SupplementaryGroups=${options.groups.join(" ")}`] : []),
    "UMask=0077",
    ...stateOf(options),
    ...options.writes.map(writable),
    ...options.reads.filter(isHidden).map((path) => `BindReadOnlyPaths=${word(path)}`),
    "",
    "MemoryMax=512M",
    "TasksMax=128",
    "LimitNOFILE=4096",
    "LimitCORE=0",
    "",
    ...HARDENING,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
  ].join("\n")}\n`;
}

const HARDENING = [
  "CapabilityBoundingSet=",
  "AmbientCapabilities=",
  "NoNewPrivileges=yes",
  "ProtectSystem=strict",
  // An empty /home: what sources read there is bound into it.
  "ProtectHome=tmpfs",
  "PrivateTmp=yes",
  "PrivateMounts=yes",
  "PrivateDevices=yes",
  "DevicePolicy=closed",
  "ProtectClock=yes",
  "ProtectControlGroups=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectProc=invisible",
  "RemoveIPC=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  '# Bun compiles JavaScript while it runs, in memory that is written and then executed: it would not start with "yes".',
  "MemoryDenyWriteExecute=no",
  "KeyringMode=private",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources",
  "SystemCallErrorNumber=EPERM",
];

/** systemd makes a data dir below /var/lib, with the right owner; any other has to be there. */
function stateOf({ dataDir }: UnitOptions): string[] {
  const below = dataDir.startsWith(STATE_ROOT) ? dataDir.slice(STATE_ROOT.length) : "";
  if (below === "") return [writable(dataDir)];
  return [`StateDirectory=${word(below)}`, "StateDirectoryMode=0700"];
}

function isHidden(path: string): boolean {
  return HIDDEN.some((root) => path === root || path.startsWith(`${root}/`));
}

function writable(path: string): string {
  return `${isHidden(path) ? "BindPaths" : "ReadWritePaths"}=${word(path)}`;
}

/** One word of a setting that takes several: quoted where it needs to be, "%" and "$" doubled. */
function word(text: string): string {
  const safe = plain(text).replaceAll("$", "$$$$");
  return /^[\w@+=:,./%$-]+$/.test(safe) ? safe : `"${safe.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A setting that is one path to the end of the line. */
function plain(text: string): string {
  if (/[\n\r\0]/.test(text)) throw new RangeError(`Cannot write ${JSON.stringify(text)} into a unit file`);
  return text.replaceAll("%", "%%");
}
