/** A problem of a node, for a person: `code` for scripts, a sentence, and a command to type next. */
export type Problem = { readonly code: string; readonly message: string; readonly try: string };
