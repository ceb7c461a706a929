/** Who was granted what, by the securable's id; reads may lag behind changes. */
export type Grants = ReadonlyMap<string, ReadonlySet<string>>;

export type GrantBook = {
  /** As it is: what rights are judged by. */
  readonly now: (id: string) => Grants;
  /** As a read shows it: after a change the next `lag` reads show what was before. */
  readonly read: (id: string) => Grants;
  readonly change: (id: string, grants: Grants, lag: number) => void;
  readonly forget: (id: string) => void;
};

type Entry = { current: Grants; stale: Grants; staleReads: number };
const NONE: Grants = new Map();

export function newGrantBook(): GrantBook {
  const entries = new Map<string, Entry>();
  return {
    now: (id) => entries.get(id)?.current ?? NONE,
    read: (id) => {
      const entry = entries.get(id);
      if (entry === undefined) return NONE;
      if (entry.staleReads === 0) return entry.current;
      entry.staleReads--;
      return entry.stale;
    },
    change: (id, grants, lag) => {
      const before = entries.get(id)?.current ?? NONE;
      entries.set(id, { current: grants, stale: before, staleReads: lag });
    },
    forget: (id) => entries.delete(id),
  };
}
