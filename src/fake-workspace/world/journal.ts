/** What went over the wire, in order, with secrets taken out: for tests of a client's traffic. */

export type JournalEntry = {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly caller: string | null;
  readonly userAgent: string;
  /** The JSON that was sent, without its secrets; undefined where nothing was. */
  readonly body: unknown;
  readonly status: number;
  readonly errorCode: string | number | undefined;
  /** The fault that hit it. */
  readonly fault: string | undefined;
};

/** A call that no correct client makes. A test should end with none. */
export type Complaint = { readonly method: string; readonly path: string; readonly reason: string };

export type Journal = {
  readonly entries: () => readonly JournalEntry[];
  readonly complaints: () => readonly Complaint[];
  readonly add: (entry: JournalEntry) => void;
  readonly complain: (complaint: Complaint) => void;
  readonly clear: () => void;
};

const ENTRIES = 100_000;
const SECRET = /secret|password|^token$|access_token|token_value|private_key/i;
export const HIDDEN = "(hidden)";

export function newJournal(): Journal {
  let entries: JournalEntry[] = [];
  let complaints: Complaint[] = [];
  return {
    entries: () => entries,
    complaints: () => complaints,
    add: (entry) => {
      if (entries.length >= ENTRIES) throw new Error(`The journal is full: ${ENTRIES} calls`);
      entries.push({ ...entry, body: withoutSecrets(entry.body) });
    },
    complain: (complaint) => complaints.push(complaint),
    clear: () => {
      entries = [];
      complaints = [];
    },
  };
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, one]) => [key, SECRET.test(key) ? HIDDEN : withoutSecrets(one)]);
  return Object.fromEntries(fields);
}
