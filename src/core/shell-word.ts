/** `text` as one word of a shell's command line: as it is, or in single quotes. For `Try:` lines, which can be pasted. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
